//! `minnow`: what an app developer uses on a desktop to try, measure and tune Minnow's functions.
//!
//! Others script against this command: exit 0 on success, 1 on a failed operation with one line on stderr, 2 on wrong
//! usage; `--json` prints one JSON value on stdout and nothing else. One file per command in `commands/`; this one only
//! parses the line, sets up logging and turns the outcome into an exit code.

mod args;
mod commands;
mod engine;
mod errors;
mod model_source;
mod output;
mod progress;
mod rows;
mod text_input;

use args::GlobalArgs;
use clap::Parser;
use std::process::ExitCode;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Small language models on your own device: try, measure and tune.
#[derive(Debug, Parser)]
#[command(name = "minnow", version)]
struct Cli {
    #[command(flatten)]
    global: GlobalArgs,
    #[command(subcommand)]
    command: commands::Command,
}

fn main() -> ExitCode {
    quiet_device_selection();
    let Cli { global, command } = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return errors::report_usage(&error),
    };
    if global.verbose {
        log_to_stderr();
    }
    match command.run(&global) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => errors::report(&error, global.verbose),
    }
}

/// Keeps Mesa's Vulkan device-selection layer from complaining on stderr, a dozen times, that there is no desktop to ask. Where there is
/// one, the layer and the user's choice in it stay.
fn quiet_device_selection() {
    if ["XDG_RUNTIME_DIR", "DISPLAY", "NODEVICE_SELECT"].iter().all(|name| std::env::var_os(name).is_none()) {
        // SAFETY: this is the first thing that the program does; no other thread runs that could read the environment.
        unsafe { std::env::set_var("NODEVICE_SELECT", "1") };
    }
}

/// Shows what Minnow's own crates log. Other crates stay silent: what they log isn't known to be free of user text.
fn log_to_stderr() {
    let ours = Targets::new().with_target("minnow", LevelFilter::DEBUG);
    let stderr = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    tracing_subscriber::registry().with(stderr).with(ours).init();
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
