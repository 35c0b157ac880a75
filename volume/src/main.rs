//! `cinderblock-volume`.

fn main() -> std::process::ExitCode {
    process::main(cinderblock_volume::ABOUT, cinderblock_volume::run)
}
