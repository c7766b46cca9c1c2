//! What follows from an order's step: exposure freed, results told, the run ended.

use super::core::{Core, Outbox, Phase};
use crate::order::{Order, State};
use crate::recorder::record::Record;
use crate::units::{Contracts, Money, Now, Position, Timestamp};

impl Core {
    /// Brings exposure, counters and results in line after an order changed from `before`.
    pub(super) fn after_step(&mut self, now: Now, before: &Order, out: &mut Outbox) {
        let Some(order) = self.orders.find(before.key()).copied() else { return };
        self.release(before, &order);
        self.reconciling.touch(order.terms().market, now.mono);
        let was_over = before.state().is_terminal();
        let ends = order.state().is_terminal() && !was_over;
        if ends {
            self.orders.retire();
            if let Some(place) = self.place_of(order.terms()) {
                self.exposure.close(place);
            }
        }
        if let Some(execution) = self.execution_of(order.key()) {
            execution.follow(before, &order);
        }
        if self.phase == Phase::Drained {
            // Every signal has had its answer; what is learnt now changes the books alone.
            return;
        }
        if ends {
            tell_end(&order, order.state(), out);
            self.child_ended(now, &order, out);
        } else if was_over && order != *before {
            // A late fill corrected a finished order. Where its result has been given, the counts
            // follow; where its execution goes on, what is still wanted does.
            out.records.push(Record::OrderEnded {
                client_order_id: order.terms().client_order_id,
                state: order.state(),
                filled: order.filled(),
            });
            self.former_child_changed(now, &order, out);
        }
    }

    /// Frees what the step proves is no longer in flight: fills at once, the rest with the end.
    fn release(&mut self, before: &Order, order: &Order) {
        let freed = before.open().saturating_sub(order.open());
        let filled = order.filled().saturating_sub(before.filled());
        // What ended unfilled no longer counts as the day's volume; what fills after its end does
        // again.
        let late = filled.saturating_sub(freed);
        let unfilled = freed.saturating_sub(filled);
        self.day.volume = (self.day.volume + late).saturating_sub(unfilled);
        if freed.is_zero() {
            return;
        }
        let Some(place) = self.place_of(order.terms()) else { return };
        let reserve = &mut self.lots[order.key().slot as usize].reserve;
        let part = if order.open().is_zero() {
            *reserve
        } else {
            proportion(*reserve, freed, before.open())
        };
        *reserve -= part;
        self.exposure.release(place, freed, part);
    }

    /// Ends the run once it drains and nothing is alive, or its time is up.
    pub(super) fn finish_drain_if_quiet(&mut self, now: Now, out: &mut Outbox) {
        let Phase::Draining(at) = self.phase else { return };
        if self.orders.live() > 0 && now.mono < at {
            return;
        }
        self.phase = Phase::Drained;
        let mut unknown_orders = 0;
        for slot in 0..self.orders.capacity() {
            let Some(key) = self.orders.live_at(slot) else { continue };
            unknown_orders += 1;
            if let Some(order) = self.orders.find(key) {
                tell_end(order, State::Unknown, out);
            }
            self.end_execution(self.lots[slot].execution, State::Unknown, out);
        }
        for market in self.markets.all() {
            let pnl = self.pnl(market.ix);
            if pnl != super::account::MarketPnl::UNTOUCHED {
                out.records.push(Record::FinalPnl {
                    ticker: market.ticker,
                    realized: pnl.realized,
                    unrealized: pnl.unrealized,
                    fees: pnl.fees,
                });
            }
            let holding = self.account.holding(market.ix);
            if holding.position != Position::FLAT {
                out.records.push(Record::FinalPosition {
                    ticker: market.ticker,
                    position: holding.position,
                    cost: holding.cost,
                });
            }
        }
        out.records.push(Record::FinalAccount {
            cash: self.account.cash(),
            fees: self.account.fees(),
            realized: self.account.realized(),
            unknown_orders,
        });
        out.records.push(Record::Drained);
    }
}

fn tell_end(order: &Order, state: State, out: &mut Outbox) {
    // What never left is no order to anybody but its signal, whose result says so.
    let left = order.sent_at != Timestamp::ZERO || !order.order_id().is_empty();
    if left {
        out.records.push(Record::OrderEnded {
            client_order_id: order.terms().client_order_id,
            state,
            filled: order.filled(),
        });
    }
}

/// `part / whole` of an amount, rounded down: what is left over is freed with the end.
fn proportion(amount: Money, part: Contracts, whole: Contracts) -> Money {
    debug_assert!(part <= whole, "Invariant: a part is not more than its whole");
    let exact = i128::from(amount.e8()) * i128::from(part.centis());
    let share = exact / i128::from(whole.centis().max(1));
    Money::from_e8(i64::try_from(share).unwrap_or(0))
}
