//! One table: what went wrong, what the client is told, and whether trying again can help.

text_enum! {
    /// The kinds of errors; all that crosses the bus of an error beside its public text.
    pub enum ErrorKind {
        /// The request cannot be understood, or the state of things does not allow it.
        BadRequest = "bad_request",
        /// An operation on the resource is already in progress.
        Busy = "busy",
        /// The caller did not say who they are.
        Unauthorized = "unauthorized",
        /// The caller may not do this.
        Forbidden = "forbidden",
        /// There is no such thing, or none that the caller may see.
        NotFound = "not_found",
        /// The address exists, the method does not.
        MethodNotAllowed = "method_not_allowed",
        /// The asked API version is out of range.
        NotAcceptable = "not_acceptable",
        /// It clashes with something that exists.
        Conflict = "conflict",
        /// The resource changed since the caller saw it.
        PreconditionFailed = "precondition_failed",
        /// The quota or a size limit is exceeded.
        OverLimit = "over_limit",
        /// The body's media type is not understood.
        UnsupportedMediaType = "unsupported_media_type",
        /// A defect of cinderblock.
        Internal = "internal",
        /// A part that is needed does not answer now.
        Unavailable = "unavailable",
    }
}

impl ErrorKind {
    /// The HTTP status code.
    #[must_use]
    pub const fn http_status(self) -> u16 {
        match self {
            Self::BadRequest | Self::Busy => 400,
            Self::Unauthorized => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::NotAcceptable => 406,
            Self::Conflict => 409,
            Self::PreconditionFailed => 412,
            Self::OverLimit => 413,
            Self::UnsupportedMediaType => 415,
            Self::Internal => 500,
            Self::Unavailable => 503,
        }
    }

    /// The key of Cinder's fault body.
    #[must_use]
    pub const fn fault_key(self) -> &'static str {
        match self {
            Self::BadRequest | Self::Busy => "badRequest",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::NotFound => "itemNotFound",
            Self::MethodNotAllowed => "badMethod",
            Self::Conflict => "conflictingRequest",
            Self::OverLimit => "overLimit",
            Self::UnsupportedMediaType => "badMediaType",
            Self::Unavailable => "serviceUnavailable",
            Self::NotAcceptable | Self::PreconditionFailed | Self::Internal => "computeFault",
        }
    }

    /// Seconds after which the client may try again unchanged; `None` when that cannot help.
    #[must_use]
    pub const fn retry_after(self) -> Option<u32> {
        match self {
            Self::Unavailable => Some(5),
            Self::OverLimit => Some(0),
            Self::BadRequest
            | Self::Busy
            | Self::Unauthorized
            | Self::Forbidden
            | Self::NotFound
            | Self::MethodNotAllowed
            | Self::NotAcceptable
            | Self::Conflict
            | Self::PreconditionFailed
            | Self::UnsupportedMediaType
            | Self::Internal => None,
        }
    }
}
