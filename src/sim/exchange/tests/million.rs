//! A million random operations of every kind that the exchange knows, and what must hold through
//! all of them: cash + collateral + fees constant, positions sum to zero, no crossed book, nobody
//! overdrawn, queue priority kept, sums equal to what they are sums of.

use super::flow::{resting_of, sums_agree};
use super::queues::Queues;
use super::reached::{Asked, Reached};
use super::*;
use crate::sim::exchange::random::Random;

/// Operations over all exchanges: five seconds' worth in a debug build.
const OPERATIONS: u32 = 1_000_000;

/// Operations at one exchange: markets settle in the course of it, so then comes the next one.
const PER_EXCHANGE: u32 = 5_000;

/// Recounting everything takes as long as some hundred operations.
const RECOUNT_EVERY: u32 = 500;

const MEMBERS: u64 = 4;

/// What a market's prices are at first, and may become.
const STRUCTURES: [PriceStructure; 3] =
    [PriceStructure::LinearCent, PriceStructure::TaperedDeciCent, PriceStructure::DeciCent];

struct Walk {
    exchange: Exchange,
    random: Random,
    now: WallTime,
    groups: Vec<(UserId, u128)>,
    queues: Queues,
    reached: Reached,
    /// Orders named so far: in the events a member's order is told by its name.
    names: u32,
}

impl Walk {
    fn new(seed: u64, reached: Reached) -> Self {
        let fee_types = [
            FeeType::Quadratic,
            FeeType::QuadraticWithMakerFees,
            FeeType::QuadraticWithComboMakerFees,
        ];
        let seed_of = |(index, structure): (u8, PriceStructure)| BookSeed {
            ticker: Ticker::new(format!("KX-{index}").as_bytes()).unwrap(),
            structure,
            fee_type: fee_types[usize::from(index) % 3],
            exchange_index: index % 2,
            ..book(&[(47, 10), (46, 10)], &[(52, 10), (53, 10)])
        };
        let books: Vec<_> = (0_u8..).zip(STRUCTURES).map(seed_of).collect();
        let user = |id: u64| UserSeed { user_id: id.to_string(), cash: Money::from_cents(20_000) };
        let users: Vec<_> = (0..MEMBERS).map(user).collect();
        let mut exchange = Exchange::new(START, &books, &users, seed).unwrap();
        let settlement_delay = Nanos::from_secs(5);
        let cancel_all_tail_per_mille = 300;
        exchange.set_rules(Rules {
            settlement_delay,
            cancel_all_tail_per_mille,
            ..Rules::default()
        });
        exchange.set_membership(UserId(3), Membership::Intermediated);
        for user in (0..4).map(UserId) {
            let subaccount = exchange.create_subaccount(user).unwrap();
            for wallet in [(subaccount, 0), (0, 1), (subaccount, 1)] {
                let (subaccount, exchange_index) = wallet;
                let home = Wallet { subaccount: 0, exchange_index: 0 };
                let there = Wallet { subaccount, exchange_index };
                exchange.transfer(user, home, there, Money::from_cents(4_000)).unwrap();
            }
        }
        let queues = Queues::of(&exchange);
        let random = Random::new(seed);
        let (now, groups) = (START, Vec::new());
        Self { exchange, random, now, groups, queues, reached, names: 0 }
    }

    fn pick(&mut self, bound: u64) -> u32 {
        u32::try_from(self.random.below(bound)).unwrap()
    }

    fn user(&mut self) -> UserId {
        UserId(self.pick(MEMBERS))
    }

    fn side(&mut self) -> BookSide {
        if self.pick(2) == 0 { BookSide::Bid } else { BookSide::Ask }
    }

    fn price(&mut self, market: usize) -> Price {
        let wanted = Price::from_micros(300_000 + self.pick(400_000)).unwrap();
        self.exchange.markets()[market].grid.floor(wanted).unwrap()
    }

    fn new_order(&mut self) -> NewOrder {
        let market = self.pick(3) as usize;
        let time_in_force = match self.pick(6) {
            0 => TimeInForce::FillOrKill,
            1 | 2 => TimeInForce::ImmediateOrCancel,
            _ => TimeInForce::GoodTillCanceled,
        };
        let resting = time_in_force == TimeInForce::GoodTillCanceled;
        let lives = Nanos::from_ms(1 + u64::from(self.pick(60_000)));
        let prevention = [SelfTradePrevention::Maker, SelfTradePrevention::TakerAtCross];
        let terms = OrderTerms {
            time_in_force,
            self_trade_prevention: prevention[self.pick(2) as usize],
            post_only: resting && self.pick(4) == 0,
            reduce_only: time_in_force == TimeInForce::ImmediateOrCancel && self.pick(4) == 0,
            cancel_on_pause: self.pick(4) == 0,
            expires: (resting && self.pick(4) == 0).then_some(self.now + lives),
        };
        let group = self.pick(16 * 6) as usize;
        self.names += 1;
        NewOrder {
            market,
            side: self.side(),
            price: self.price(market),
            quantity: Contracts::from_centis(1 + self.pick(3_000)),
            client_order_id: ClientText::new(self.names.to_string().as_bytes()).unwrap(),
            subaccount: u8::from(self.pick(4) == 0),
            group: self.groups.get(group).map(|(_, id)| *id),
            terms,
        }
    }

    /// One of a member's resting orders.
    fn resting(&mut self, user: UserId) -> Option<Order> {
        let at = (self.pick(3) as usize, self.side());
        let account = u8::from(self.random.below(4) == 0);
        let orders = resting_of(&self.exchange, user, account, at);
        let which = self.random.below(orders.len().max(1) as u64);
        orders.get(usize::try_from(which).unwrap()).copied()
    }

    fn step(&mut self) {
        self.now = self.now + Nanos::from_ms(u64::from(self.pick(40)));
        let (now, user) = (self.now, self.user());
        match self.pick(1_000) {
            0..600 => {
                let new = self.new_order();
                let answer = self.exchange.submit(now, user, &new);
                self.reached.placed(answer);
            }
            600..800 => self.change(user),
            800..950 => self.trade_in_background(),
            950..990 => self.manage(user),
            _ => self.operate(),
        }
    }

    fn change(&mut self, user: UserId) {
        let now = self.now;
        let Some(order) = self.resting(user) else { return };
        match self.pick(4) {
            0 | 1 => {
                let answer = self.exchange.cancel(now, user, order.id);
                self.reached.answered(Asked::Cancel, answer);
            }
            2 => {
                let by = Decrease::By(Contracts::from_centis(self.pick(2_000)));
                let answer = self.exchange.decrease(now, user, order.id, by);
                self.reached.answered(Asked::Decrease, answer);
            }
            _ => {
                let change = Amendment {
                    market: order.market,
                    side: order.side,
                    price: self.price(order.market),
                    total: Contracts::from_centis(self.pick(4_000)),
                    client_order_id: ClientText::EMPTY,
                    updated_client_order_id: ClientText::EMPTY,
                    expiry: self.expiry(),
                };
                let answer = self.exchange.amend(now, user, order.id, &change);
                self.reached.answered(Asked::Amend(change.expiry.word()), answer);
            }
        }
    }

    fn expiry(&mut self) -> Expiry {
        let lives = Nanos::from_ms(u64::from(self.pick(2_000)));
        match self.pick(3) {
            0 => Expiry::Keep,
            1 => Expiry::Clear,
            _ => Expiry::Set(self.now + lives),
        }
    }

    fn trade_in_background(&mut self) {
        let (now, market) = (self.now, self.pick(3) as usize);
        self.exchange.advance(now);
        if !self.exchange.takes_quotes(market) {
            return;
        }
        let (side, price) = (self.side(), self.price(market));
        let quantity = Contracts::from_centis(1 + self.pick(2_000));
        if self.pick(3) == 0 {
            self.exchange.sweep(now, market, side, price, quantity);
        } else {
            self.exchange.quote(now, market, side, price, quantity);
        }
    }

    fn manage(&mut self, user: UserId) {
        let now = self.now;
        let wallet = |bits: u32| Wallet {
            subaccount: u8::from(bits & 1 == 1),
            exchange_index: u8::from(bits & 2 == 2),
        };
        let (from, to) = (wallet(self.pick(4)), wallet(self.pick(4)));
        let place = self.pick(16) as usize;
        let group = self.groups.get(place).copied();
        match (self.pick(8), group) {
            (0, _) => {
                let answer = self.exchange.cancel_all(now, user, None);
                self.reached.answered(Asked::CancelAll, answer);
            }
            (1 | 2, _) => {
                let amount = Money::from_cents(i64::from(self.pick(500)));
                let answer = self.exchange.transfer(user, from, to, amount);
                self.reached.answered(Asked::Transfer, answer);
            }
            (3, _) if self.groups.len() < 16 => {
                let limit = Contracts::from_centis(1 + self.pick(20_000));
                let Wallet { subaccount, exchange_index } = from;
                let new = NewGroup { subaccount, exchange_index, limit };
                let answer = self.exchange.create_group(now, user, &new);
                self.groups.extend(answer.map(|id| (user, id)));
                self.reached.answered(Asked::Group, answer);
            }
            (4, Some((user, id))) => refused(self.exchange.reset_group(now, user, id)),
            (5, Some((user, id))) => refused(self.exchange.trigger_group(now, user, id)),
            (6, Some((user, id))) => {
                if self.exchange.delete_group(now, user, id).is_ok() {
                    self.groups.swap_remove(place);
                }
            }
            (_, Some((user, id))) => {
                let limit = Contracts::from_centis(1 + self.pick(20_000));
                refused(self.exchange.limit_group(now, user, id, limit));
            }
            (_, None) => {}
        }
    }

    /// Pauses come and go, prices change; markets close and settle rarely.
    fn operate(&mut self) {
        let (now, market) = (self.now, self.pick(3) as usize);
        let command = match self.pick(100) {
            0..3 => MarketCommand::Close,
            3..5 => {
                let closes = now + Nanos::from_ms(1 + u64::from(self.pick(20_000)));
                MarketCommand::CloseAt(closes)
            }
            5..25 => MarketCommand::Determine(Outcome::Scalar(self.pick(1_000_001))),
            25..30 => MarketCommand::Dispute,
            30..32 => MarketCommand::Uphold,
            32..35 => MarketCommand::Amend(Outcome::No),
            35..45 => MarketCommand::Settle,
            45..55 => MarketCommand::Deactivate,
            55..60 => MarketCommand::Restructure(STRUCTURES[self.pick(3) as usize]),
            60..82 => MarketCommand::Activate,
            82..84 => return self.exchange.set_state(now, ExchangeState::ExchangePaused),
            84..86 => return self.exchange.set_state(now, ExchangeState::TradingPaused),
            86..90 => {
                let voided = self.exchange.void_fill(now, market);
                self.reached.voided += u32::from(voided);
                return;
            }
            _ => return self.exchange.set_state(now, ExchangeState::Open),
        };
        refused(self.exchange.command(now, market, command));
    }

    #[track_caller]
    fn check(&self, total: Money, recount: bool) {
        assert_eq!(self.exchange.total_cash_and_collateral(), total);
        for member in &self.exchange.members[..4] {
            for balance in member.accounts.iter().flat_map(|account| &account.balances) {
                assert!(balance.available() >= Money::ZERO, "{} overdrawn", member.user_id);
            }
        }
        for market in self.exchange.markets() {
            uncrossed(market);
        }
        if recount {
            sums_agree(&self.exchange);
            self.queues.agree_with(&self.exchange);
        }
    }
}

/// Refusals are part of random flow; the invariants are what is checked.
fn refused<T, E>(_: Result<T, E>) {}

#[test]
fn a_million_random_operations_conserve_everything() {
    let (mut reached, mut trades) = (Reached::default(), 0);
    for epoch in 0..OPERATIONS / PER_EXCHANGE {
        let mut walk = Walk::new(u64::from(epoch), reached);
        let total = walk.exchange.total_cash_and_collateral();
        for step in 0..PER_EXCHANGE {
            walk.step();
            let events = walk.exchange.take_events();
            walk.queues.follow(&events);
            walk.check(total, step % RECOUNT_EVERY == 0);
            events.iter().for_each(|event| walk.reached.note(event));
        }
        reached = walk.reached;
        trades += walk.queues.trades;
    }
    // The flow must reach what it is about.
    let enough = OPERATIONS / 10;
    assert!(reached.fills > enough && trades > u64::from(enough), "{reached:?}");
    reached.is_everything();
}
