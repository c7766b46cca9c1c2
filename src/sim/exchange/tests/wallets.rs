//! The rules of wallets.
