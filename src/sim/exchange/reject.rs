//! Why the exchange refuses a request. The API turns these into its bodies and statuses.

/// A refusal by the matching engine or its ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reject {
    /// An order with this client id has been accepted before.
    #[error("order already exists")]
    OrderAlreadyExists,
    /// The account cannot lock or pay what it takes.
    #[error("insufficient balance")]
    InsufficientBalance,
    /// Off the market's grid.
    #[error("invalid price")]
    InvalidPrice,
    /// No contracts.
    #[error("invalid order size")]
    InvalidOrderSize,
    /// A post-only order would trade at once.
    #[error("post only cross")]
    PostOnlyCross,
    /// A reduce-only order without a position to reduce.
    #[error("reduce only")]
    NothingToReduce,
    /// Reduce-only needs immediate-or-cancel.
    #[error("reduce_only requires immediate_or_cancel")]
    ReduceOnlyResting,
    /// A fill-or-kill order that the book cannot fill.
    #[error("fill or kill insufficient resting volume")]
    FillOrKill,
    /// An expiration together with a time in force that ends at once.
    #[error("cannot specify both immediate_or_cancel and expiration_ts")]
    ExpirationNotResting,
    /// An expiration in the past.
    #[error("expiration timestamp must be in the future")]
    ExpirationPast,
    /// Trading is paused.
    #[error("trading is paused")]
    TradingPaused,
    /// The whole exchange is paused.
    #[error("exchange is paused")]
    ExchangePaused,
    /// The market is not open.
    #[error("market not active")]
    MarketNotActive,
    /// The market is past its close: nothing works any more, cancels included.
    #[error("market is closed")]
    MarketClosed,
    /// No such market.
    #[error("market not found")]
    MarketNotFound,
    /// No such resting order of this account.
    #[error("not found")]
    NotFound,
    /// An amendment names another client id than the order has.
    #[error("order id and client order id mismatch")]
    ClientIdMismatch,
    /// An amendment names the other side.
    #[error("order side mismatch")]
    SideMismatch,
    /// An amendment names another market.
    #[error("order ticker mismatch")]
    TickerMismatch,
    /// An amendment below what has traded.
    #[error("count is below what has been filled")]
    BelowFilled,
    /// A decrease by more than what rests, or to more than that.
    #[error("decrease exceeds the remaining count")]
    MoreThanRests,
    /// The order's group was triggered and not reset since.
    #[error("exceeded order group risk limit")]
    GroupTriggered,
    /// The member has as many resting orders as there may be.
    #[error("too many open orders")]
    TooManyOrders,
    /// The member has as many groups as there may be.
    #[error("too many order groups")]
    TooManyGroups,
    /// The member has no such subaccount, or there is no such shard.
    #[error("subaccount not found")]
    SubaccountNotFound,
    /// The member has as many subaccounts as there may be.
    #[error("too many subaccounts")]
    TooManySubaccounts,
    /// A transfer of nothing, or of less.
    #[error("amount must be positive")]
    InvalidAmount,
}
