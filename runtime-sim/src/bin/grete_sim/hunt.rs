//! `grete-sim hunt`: seeds one after the other, each with all that any checker finds; for `grete-sim zoo` to read.

use crate::source;
use grete_sim::plan::Profile;
use grete_sim::zoo::hunt;
use std::io::{self, Write as _};
use std::process::ExitCode;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// How many.
    #[arg(long)]
    seeds: u64,
    /// What goes wrong.
    #[arg(long, default_value = "chaos", value_parser = source::profile)]
    profile: Profile,
    /// Takes all that goes wrong out of the scripts.
    #[arg(long)]
    calm: bool,
}

pub(crate) fn hunt(arguments: &Arguments) -> Result<ExitCode, String> {
    for seed in arguments.from..arguments.from.saturating_add(arguments.seeds) {
        let fired = hunt::fired(&hunt::script(seed, arguments.profile, arguments.calm))?;
        let mut out = io::stdout().lock();
        let told = writeln!(out, "{}", hunt::line(seed, &fired)).and_then(|()| out.flush());
        if told.is_err() {
            // Whoever read has heard enough.
            break;
        }
    }
    Ok(ExitCode::SUCCESS)
}
