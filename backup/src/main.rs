//! `cinderblock-backup`.

fn main() -> std::process::ExitCode {
    process::main(cinderblock_backup::ABOUT, cinderblock_backup::run)
}
