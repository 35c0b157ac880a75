//! `cinderblock-scheduler`.

fn main() -> std::process::ExitCode {
    process::main(cinderblock_scheduler::ABOUT, cinderblock_scheduler::run)
}
