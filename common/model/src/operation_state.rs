//! The states of an operation in the operation log.

text_enum! {
    /// The state of an operation. An operation is *live* while it is admitted or running.
    pub enum OperationState {
        /// The gate has admitted it, and no worker has claimed it.
        Admitted = "admitted",
        /// A worker has claimed it.
        Running = "running",
        /// It has succeeded.
        Done = "done",
        /// It has failed.
        Failed = "failed",
        /// The caller gave up before it was admitted; it never will be.
        Revoked = "revoked",
    }
}
