//! The engine in a simulated world, from many seeds.

use kalshi_exec::sim::world::signals::SignalMaker;
use kalshi_exec::sim::world::{World, WorldConfig};
use kalshi_exec::units::Nanos;

/// One run: connects, trades `signals` signals, settles, drains.
fn run(config: &WorldConfig, signals: u32) -> (World, Vec<String>) {
    let mut world = World::new(config);
    world.open();
    let mut maker = SignalMaker::new(&config.books, config.starts, config.seed);
    let schedule = maker.schedule(world.now().mono, signals, Nanos::from_ms(400));
    world.send(schedule);
    let violations = world.finish();
    (world, violations)
}

#[test]
fn a_calm_day_leaves_books_equal() {
    let (world, violations) = run(&WorldConfig::calm(1), 100);
    println!("{:#?}", world.summary());
    println!("{:?} {:?}", world.now(), world.audit().alerts());
    assert!(violations.is_empty(), "{violations:#?}");
}

#[test]
fn bad() {
    for seed in 0..20 {
        let (world, violations) = run(&WorldConfig::rough(seed), 100);
        println!("{seed} {:?} {:?}\n{:?}\n{:?}", world.now(), world.audit().alerts(), world.summary().orders, world.summary().signals);
        if !violations.is_empty() { println!("XX {violations:#?}"); }
    }
}
