//! Chinese words, in simplified characters; traditional text is folded by [`simplified`] before it is read.
//!
//! Numerals are not in the table: 二十三 is read by `token.rs`. The lunar calendar (农历) is left out.

use jiff::civil::Weekday;

use super::lexicon::{DayPart, Edge, Sense, Table, Unit, Which};

/// Traditional characters of the words below, and their simplified forms.
const FOLD: &[(char, char)] = &[
    ('點', '点'),
    ('號', '号'),
    ('週', '周'),
    ('後', '后'),
    ('兩', '两'),
    ('個', '个'),
    ('時', '时'),
    ('鐘', '钟'),
    ('鍾', '钟'),
    ('禮', '礼'),
    ('間', '间'),
    ('從', '从'),
    ('這', '这'),
    ('來', '来'),
    ('過', '过'),
    ('聖', '圣'),
    ('誕', '诞'),
    ('節', '节'),
    ('慶', '庆'),
    ('勞', '劳'),
    ('動', '动'),
    ('婦', '妇'),
    ('兒', '儿'),
    ('師', '师'),
    ('軍', '军'),
    ('雙', '双'),
    ('聽', '听'),
    ('晝', '昼'),
    ('東', '东'),
    ('倫', '伦'),
    ('紐', '纽'),
    ('約', '约'),
    ('開', '开'),
    ('結', '结'),
    ('愛', '爱'),
    ('會', '会'),
    ('當', '当'),
    ('歲', '岁'),
    ('據', '据'),
];

/// The simplified form of `ch` where the tables use it.
pub(super) fn simplified(ch: char) -> char {
    FOLD.iter().find(|(traditional, _)| *traditional == ch).map_or(ch, |(_, simple)| *simple)
}

/// Short forms that keep the table to one row a line.
const fn weekday(day: Weekday) -> Sense {
    Sense::Weekday { day, plain: false, plural: false }
}
const fn part(part: DayPart) -> Sense {
    Sense::Part { part, plain: false }
}
const fn plain_part(part: DayPart) -> Sense {
    Sense::Part { part, plain: true }
}
const fn feast(month: i8, day: i8) -> Sense {
    Sense::Holiday { month, day }
}

/// The table.
#[rustfmt::skip]
pub(super) const WORDS: Table = &[
    // weekdays
    ("周一", weekday(Weekday::Monday)), ("周二", weekday(Weekday::Tuesday)), ("周三", weekday(Weekday::Wednesday)),
    ("周四", weekday(Weekday::Thursday)), ("周五", weekday(Weekday::Friday)), ("周六", weekday(Weekday::Saturday)),
    ("周日", weekday(Weekday::Sunday)), ("周天", weekday(Weekday::Sunday)),
    ("星期一", weekday(Weekday::Monday)), ("星期二", weekday(Weekday::Tuesday)), ("星期三", weekday(Weekday::Wednesday)),
    ("星期四", weekday(Weekday::Thursday)), ("星期五", weekday(Weekday::Friday)), ("星期六", weekday(Weekday::Saturday)),
    ("星期日", weekday(Weekday::Sunday)), ("星期天", weekday(Weekday::Sunday)),
    ("礼拜一", weekday(Weekday::Monday)), ("礼拜二", weekday(Weekday::Tuesday)), ("礼拜三", weekday(Weekday::Wednesday)),
    ("礼拜四", weekday(Weekday::Thursday)), ("礼拜五", weekday(Weekday::Friday)), ("礼拜六", weekday(Weekday::Saturday)),
    ("礼拜日", weekday(Weekday::Sunday)), ("礼拜天", weekday(Weekday::Sunday)),
    ("周末", Sense::Weekend), ("每个工作日", Sense::Workdays), ("每工作日", Sense::Workdays), ("工作日", Sense::Workdays),
    // feasts of the solar calendar
    ("元旦", feast(1, 1)), ("元旦节", feast(1, 1)), ("新年", feast(1, 1)), ("情人节", feast(2, 14)),
    ("女生节", feast(3, 7)), ("妇女节", feast(3, 8)), ("植树节", feast(3, 12)), ("愚人节", feast(4, 1)),
    ("劳动节", feast(5, 1)), ("五一", feast(5, 1)), ("青年节", feast(5, 4)), ("儿童节", feast(6, 1)), ("六一", feast(6, 1)),
    ("建党节", feast(7, 1)), ("建军节", feast(8, 1)), ("教师节", feast(9, 10)), ("国庆节", feast(10, 1)), ("国庆", feast(10, 1)),
    ("万圣节", feast(10, 31)), ("双十一", feast(11, 11)), ("光棍节", feast(11, 11)), ("双十二", feast(12, 12)),
    ("平安夜", feast(12, 24)), ("圣诞节", feast(12, 25)), ("圣诞", feast(12, 25)),
    ("母亲节", Sense::FloatingHoliday { month: 5, nth: 2, weekday: Weekday::Sunday }),
    ("父亲节", Sense::FloatingHoliday { month: 6, nth: 3, weekday: Weekday::Sunday }),
    ("感恩节", Sense::FloatingHoliday { month: 11, nth: 4, weekday: Weekday::Thursday }),
    // days
    ("今天", Sense::RelativeDay(0)), ("今日", Sense::RelativeDay(0)), ("明天", Sense::RelativeDay(1)),
    ("明日", Sense::RelativeDay(1)), ("听日", Sense::RelativeDay(1)), ("后天", Sense::RelativeDay(2)),
    ("后日", Sense::RelativeDay(2)), ("大后天", Sense::RelativeDay(3)), ("大后日", Sense::RelativeDay(3)),
    ("昨天", Sense::RelativeDay(-1)), ("昨日", Sense::RelativeDay(-1)), ("前天", Sense::RelativeDay(-2)),
    ("今早", Sense::RelativePart(0, DayPart::Morning)), ("今晨", Sense::RelativePart(0, DayPart::Morning)),
    ("今晚", Sense::RelativePart(0, DayPart::Evening)), ("今夜", Sense::RelativePart(0, DayPart::Night)),
    ("明早", Sense::RelativePart(1, DayPart::Morning)), ("明晚", Sense::RelativePart(1, DayPart::Evening)),
    ("听朝", Sense::RelativePart(1, DayPart::Morning)), ("听晚", Sense::RelativePart(1, DayPart::Evening)),
    ("后晚", Sense::RelativePart(2, DayPart::Evening)),
    // parts of the day
    ("凌晨", part(DayPart::Dawn)), ("清晨", part(DayPart::Morning)), ("早上", part(DayPart::Morning)),
    ("早晨", part(DayPart::Morning)), ("上午", part(DayPart::Morning)), ("中午", part(DayPart::Midday)),
    ("正午", Sense::Noon), ("下午", part(DayPart::Afternoon)), ("午后", part(DayPart::Afternoon)),
    ("下昼", part(DayPart::Afternoon)), ("晏昼", part(DayPart::Afternoon)), ("傍晚", part(DayPart::Evening)),
    ("晚上", part(DayPart::Evening)), ("晚间", part(DayPart::Evening)), ("夜里", part(DayPart::Night)),
    ("夜间", part(DayPart::Night)), ("深夜", part(DayPart::Night)), ("半夜", Sense::Midnight), ("午夜", Sense::Midnight),
    ("早", plain_part(DayPart::Morning)), ("晚", plain_part(DayPart::Evening)),
    // marks after numbers
    ("点", Sense::HourMark), ("点钟", Sense::HourMark), ("时", Sense::HourMark), ("点整", Sense::HourMark),
    ("分", Sense::MinuteMark), ("秒", Sense::SecondMark), ("年", Sense::YearMark), ("月", Sense::MonthMark),
    ("月份", Sense::MonthMark), ("号", Sense::DayMark), ("日", Sense::DayMark), ("第", Sense::OrdinalMark),
    ("个", Sense::Counter), ("半", Sense::Half), ("一刻", Sense::QuarterHour), ("刻", Sense::QuarterHour),
    ("次", Sense::Times), ("共", Sense::For),
    // units and frequencies
    ("秒钟", Sense::Unit(Unit::Second, 1)), ("分钟", Sense::Unit(Unit::Minute, 1)), ("小时", Sense::Unit(Unit::Hour, 1)),
    ("钟头", Sense::Unit(Unit::Hour, 1)), ("刻钟", Sense::Unit(Unit::Minute, 15)), ("天", Sense::Unit(Unit::Day, 1)),
    ("周", Sense::Unit(Unit::Week, 1)), ("星期", Sense::Unit(Unit::Week, 1)), ("礼拜", Sense::Unit(Unit::Week, 1)),
    ("个月", Sense::Unit(Unit::Month, 1)), ("季度", Sense::Unit(Unit::Month, 3)),
    ("每", Sense::Every), ("逢", Sense::Every), ("每逢", Sense::Every), ("隔", Sense::Other),
    // which one
    ("这", Sense::Which(Which::This)), ("这个", Sense::Which(Which::This)), ("本", Sense::Which(Which::This)),
    ("今个", Sense::Which(Which::This)), ("下", Sense::Which(Which::Following)), ("下个", Sense::Which(Which::Following)),
    ("下一个", Sense::Which(Which::Following)), ("下下", Sense::Which(Which::AfterNext)),
    ("下下个", Sense::Which(Which::AfterNext)), ("上个", Sense::Which(Which::Last)), ("上", Sense::Which(Which::Last)),
    ("未来", Sense::Which(Which::Next)), ("接下来", Sense::Which(Which::Next)), ("接下来的", Sense::Which(Which::Next)),
    ("今年", Sense::Period(Which::This, Unit::Year)), ("明年", Sense::Period(Which::Following, Unit::Year)),
    ("后年", Sense::Period(Which::AfterNext, Unit::Year)), ("去年", Sense::Period(Which::Last, Unit::Year)),
    ("今个月", Sense::Period(Which::This, Unit::Month)), ("这个月", Sense::Period(Which::This, Unit::Month)),
    ("本月", Sense::Period(Which::This, Unit::Month)), ("下个月", Sense::Period(Which::Following, Unit::Month)),
    ("下月", Sense::Period(Which::Following, Unit::Month)), ("上个月", Sense::Period(Which::Last, Unit::Month)),
    ("每年", Sense::Frequency(Unit::Year, 1)), ("每月", Sense::Frequency(Unit::Month, 1)),
    ("每个月", Sense::Frequency(Unit::Month, 1)),
    ("每天", Sense::Frequency(Unit::Day, 1)), ("每日", Sense::Frequency(Unit::Day, 1)),
    ("每季度", Sense::Frequency(Unit::Month, 3)), ("隔周", Sense::Frequency(Unit::Week, 2)),
    ("每隔一天", Sense::Frequency(Unit::Day, 2)), ("每隔一周", Sense::Frequency(Unit::Week, 2)),
    ("每隔一个星期", Sense::Frequency(Unit::Week, 2)), ("每隔一个月", Sense::Frequency(Unit::Month, 2)),
    ("隔天", Sense::Frequency(Unit::Day, 2)),
    ("末", Sense::Edge(Edge::End)), ("底", Sense::Edge(Edge::End)), ("初", Sense::Edge(Edge::Beginning)),
    ("中旬", Sense::Edge(Edge::Middle)), ("后", Sense::Later), ("之后", Sense::Later), ("以后", Sense::Later),
    ("过后", Sense::Later), ("现在", Sense::Now), ("内", Sense::Within),
    // words that join
    ("的", Sense::Of), ("在", Sense::On), ("于", Sense::On), ("从", Sense::From), ("自", Sense::From), ("由", Sense::From),
    ("到", Sense::To), ("至", Sense::To), ("直到", Sense::Until), ("和", Sense::And), ("及", Sense::And),
    ("开始", Sense::Starting), ("起", Sense::Starting),
    // zones
    ("北京时间", Sense::Zone("Asia/Shanghai")), ("东京时间", Sense::Zone("Asia/Tokyo")),
    ("伦敦时间", Sense::Zone("Europe/London")), ("纽约时间", Sense::Zone("America/New_York")),
    // what is not time
    ("人", Sense::Measure), ("元", Sense::Measure), ("块", Sense::Measure), ("公里", Sense::Measure),
    ("早上好", Sense::Idiom), ("上午好", Sense::Idiom), ("中午好", Sense::Idiom), ("下午好", Sense::Idiom),
    ("晚上好", Sense::Idiom), ("早安", Sense::Idiom), ("晚安", Sense::Idiom), ("有一点", Sense::Idiom),
    ("一点儿", Sense::Idiom), ("早点", Sense::Idiom), ("晚点", Sense::Idiom), ("时间", Sense::Character), ("早饭", Sense::Character),
    ("今后", Sense::Character), ("最后", Sense::Character), ("然后", Sense::Character), ("以上", Sense::Character), ("以下", Sense::Character),
    ("晚饭", Sense::Character), ("早餐", Sense::Character), ("晚餐", Sense::Character), ("午餐", Sense::Character), ("晚会", Sense::Character),
    ("农历", Sense::OtherCalendar), ("阴历", Sense::OtherCalendar),
    ("号楼", Sense::Measure), ("号线", Sense::Measure), ("号房", Sense::Measure), ("号院", Sense::Measure),
    ("号门", Sense::Measure), ("号机", Sense::Measure), ("号店", Sense::Measure), ("号桌", Sense::Measure),
];

#[cfg(test)]
mod tests {
    use super::super::tests::{all_day, at, nothing, rule, within};

    /// Monday.
    const NOW: &str = "2026-03-02T10:00[Asia/Shanghai]";

    #[test]
    fn days() {
        for (text, day) in [
            ("明天见", "2026-03-03"),
            ("后天", "2026-03-04"),
            ("大後日", "2026-03-05"),
            ("下周三", "2026-03-11"),
            ("下週三", "2026-03-11"),
            ("周五开会", "2026-03-06"),
            ("三月五号", "2026-03-05"),
            ("三月二十五日", "2026-03-25"),
            ("2027年3月5日", "2027-03-05"),
            ("二〇二七年三月五日", "2027-03-05"),
            ("明年三月五号", "2027-03-05"),
            ("3天后", "2026-03-05"),
            ("两周后", "2026-03-16"),
            ("下个月一号", "2026-04-01"),
            ("廿號", "2026-03-20"),
            ("圣诞节", "2026-12-25"),
        ] {
            all_day(text, NOW, day);
        }
    }

    #[test]
    fn times() {
        for (text, time) in [
            ("下午三点半", "2026-03-02T15:30"),
            ("明天下午5:00", "2026-03-03T17:00"),
            ("明天上午十点一刻", "2026-03-03T10:15"),
            ("下周三晚上八点", "2026-03-11T20:00"),
            ("半小时后", "2026-03-02T10:30"),
            ("一个半小时后", "2026-03-02T11:30"),
            ("凌晨两点", "2026-03-03T02:00"),
            ("今晚十二点", "2026-03-03T00:00"),
            ("三月五號下午３點", "2026-03-05T15:00"),
        ] {
            at(text, NOW, time, None);
        }
    }

    #[test]
    fn ranges_and_lengths() {
        for (text, start, end) in [
            ("下午2点到4点", "2026-03-02T14:00", "2026-03-02T16:00"),
            ("明天下午三点到五点半", "2026-03-03T15:00", "2026-03-03T17:30"),
            ("明天早上五到六点", "2026-03-03T05:00", "2026-03-03T06:00"),
            ("明天下午三点一个半小时", "2026-03-03T15:00", "2026-03-03T16:30"),
        ] {
            at(text, NOW, start, Some(end));
        }
    }

    #[test]
    fn loose_times_are_windows() {
        within("明天下午", NOW, "2026-03-03T12:00", "2026-03-03T18:00");
        within("今晚", NOW, "2026-03-02T18:00", "2026-03-02T21:00");
    }

    #[test]
    fn recurrence() {
        for (text, rrule) in [
            ("每周一上午九点", "FREQ=WEEKLY;BYDAY=MO"),
            ("每两周", "FREQ=WEEKLY;INTERVAL=2"),
            ("每周一、三、五下午5点", "FREQ=WEEKLY;BYDAY=MO,WE,FR"),
            ("每天", "FREQ=DAILY"),
            ("每月1号", "FREQ=MONTHLY;BYMONTHDAY=1"),
            ("每年三月五号", "FREQ=YEARLY;BYMONTH=3;BYMONTHDAY=5"),
            ("每个工作日", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"),
        ] {
            rule(text, NOW, rrule);
        }
    }

    #[test]
    fn near_times_are_left_alone() {
        for text in ["早上好", "晚上好，王先生", "晚礼服", "早稻田大学", "有一点难", "农历八月十五", "我在三号楼"]
        {
            nothing(text, NOW);
        }
    }
}
