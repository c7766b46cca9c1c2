//! The exchange says 429 for a while: orders wait for longer each time, cancels do not wait, and
//! trading goes on by itself.
//!
//! Error storms led to bans (Krypto-trading-bot#982), and orders starved the cancels behind them.

use kalshi_exec::message::ControlCommand;
use kalshi_exec::order::State;
use kalshi_exec::risk::{BreakerConfig, BreakerState};
use kalshi_exec::sim::world::host::TRADER;
use kalshi_exec::units::Nanos;

use crate::theatre::{
    SECOND, answer, await_answer, await_state, ended, finish, rest, take, world_with,
};

#[test]
fn five_seconds_of_429_neither_trip_the_breaker_nor_starve_a_cancel() {
    let mut world = world_with(Vec::new(), |config| {
        config.breaker = BreakerConfig {
            repeats_max: BreakerConfig::REPEATS_CEILING,
            repeats_window: Nanos::from_ms(1),
            ..BreakerConfig::default()
        };
    });
    world.send_line(&rest("resting"));
    await_state(&mut world, 0, State::Resting);
    let until = world.now().mono + Nanos::from_secs(5);
    world.host_mut().throttle(until);

    // Signals go on, and a person wants everything cancelled.
    world.command(ControlCommand::CancelAll);
    let mut asked = 0;
    while world.now().mono < until {
        world.send_line(&take(&format!("busy-{asked}")));
        asked += 1;
        world.run_for(Nanos::from_ms(250));
    }
    let refused = (0..asked).filter_map(|n| answer(&world, &format!("busy-{n}")));
    let told =
        refused.filter(|it| it.error.is_some_and(|it| it.code.as_str() != "rate_limit_tokens"));
    let told = told.count();
    assert!((1..=4).contains(&told), "{told} orders met the exchange's 429");
    assert_eq!(world.core().guard().breaker().state(), BreakerState::Closed);

    // Back to normal: the cancel gets through at once, orders after the pause.
    let gone = world.run_until(Nanos::from_secs(6), |world| {
        world.host().venue().open_orders(TRADER).is_empty()
    });
    assert!(gone, "the cancel was tried again");
    world.run_for(Nanos::from_secs(8));
    world.send_line(&take("after"));
    ended(&await_answer(&mut world, "after"), State::Filled, 10);
    world.run_for(SECOND);
    finish(&mut world);
}
