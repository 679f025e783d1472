-- Amounts are whole minor units (pence, cents) of the account's currency; money that leaves is negative. Days are ISO 8601 texts.
CREATE TABLE account (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    number_ending TEXT NOT NULL,
    currency TEXT NOT NULL,
    opening_minor INTEGER NOT NULL
);
CREATE TABLE booking (
    id INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES account (id),
    booked_on TEXT NOT NULL,
    party TEXT NOT NULL,
    amount_minor INTEGER NOT NULL
);
CREATE INDEX booking_by_day ON booking (account_id, booked_on);
