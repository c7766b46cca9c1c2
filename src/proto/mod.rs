//! Protocols without sockets: bytes and time in; messages, bytes and deadlines out.

pub mod websocket;
