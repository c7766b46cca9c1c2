//! Protocols without sockets: bytes and time in, messages and deadlines out.

pub mod http1;
pub mod websocket;
