//! The program: reads the command line, builds what it asks for, and ends with an exit code.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser as _;

use kalshi_exec::cli::{self, Cli, Command};
use kalshi_exec::control::Request;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers, everything else is bad usage.
            let code = if error.use_stderr() { 2 } else { 0 };
            drop(error.print());
            return ExitCode::from(code);
        }
    };
    cli::log_to_stderr();
    let done = match &cli.command {
        Command::Run(args) => cli::run(args, Path::new(".")),
        #[cfg(feature = "sim")]
        Command::Sim(args) => cli::sim(args),
        Command::Config(args) => cli::config(args, Path::new(".")),
        Command::Check(args) => cli::check(args, Path::new(".")),
        Command::Status(args) => cli::ask(args, &Request::Status),
        Command::Halt(args) => {
            cli::ask(&args.control, &Request::Halt { reason: args.reason.join(" ") })
        }
        Command::Resume(args) => cli::ask(args, &Request::Resume),
        Command::CancelAll(args) => cli::ask(args, &Request::CancelAll),
        Command::Positions(args) => cli::ask(args, &Request::Positions),
        Command::Reconcile(args) => cli::ask(args, &Request::Reconcile),
        Command::Orders(args) => cli::ask(args, &Request::Orders),
        Command::Report(args) => cli::report(args),
        Command::Export(args) => cli::export(args),
        #[cfg(feature = "sim")]
        Command::PaperCheck(args) => cli::paper_check(args),
        Command::WireEcho(args) => cli::wire_echo(args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            drop(writeln!(std::io::stderr(), "error: {}", failure.message));
            ExitCode::from(failure.code)
        }
    }
}
