//! Stories that must come out right, each told in a file of its own: given, when, then.
//!
//! They drive the production stages against the simulated exchange on one thread and a virtual
//! clock; what goes wrong is scripted. At the end of each the engine's books must be the
//! exchange's.
//!
//! Stories of the requirement, and the files here that tell them:
//!
//! - 1-7 ambiguous submits: `request_lost`, `response_lost`, `lost_answers_are_sent_again`,
//!   `server_error_5xx_is_unknown`, `late_landing_stops_the_market`, `ack_2xx_without_order_id`,
//!   `answer_names_another_order`, `fill_before_ack`
//! - 8, 9 early, doubled, late fills: `fill_before_ack`, `cancel_loses_to_fill`,
//!   `duplicate_fill`, `timeout_then_fill_on_stream`
//! - 11 lost fills: `fill_lost_on_a_healthy_stream`, `feed_down_backfills_before_trading`
//! - 12, 13 replayed frames, late fills: `replayed_frame_does_not_revive_a_finished_order`,
//!   `late_fill_of_a_former_child`, `backfilled_fill_finds_its_order_later`
//! - 14 voided fills: `voided_fill_is_taken_back`
//! - 15, 16 outages and restarts: `orphan_of_a_former_run`, `feed_down_backfills_before_trading`
//! - 17 listings cut short: `listing_cut_short_is_no_evidence`
//! - 18 positions that differ: `money_from_outside_stops_trading`,
//!   `orders_of_others_are_left_alone`
//! - 20-22 a silent or broken stream: `silent_feed_reconnects`; ends of subscriptions in
//!   `src/feed/tests.rs`
//! - 29 paused and closed markets: `markets_pause_close_and_return`
//! - 32 runaways: `order_groups`, `triggered_group_refuses`

#[path = "scenarios/theatre.rs"]
mod theatre;

#[path = "scenarios/ack_2xx_without_order_id.rs"]
mod ack_2xx_without_order_id;
#[path = "scenarios/answer_names_another_order.rs"]
mod answer_names_another_order;
#[path = "scenarios/auto_takes_makes_or_refuses.rs"]
mod auto_takes_makes_or_refuses;
#[path = "scenarios/backfilled_fill_finds_its_order_later.rs"]
mod backfilled_fill_finds_its_order_later;
#[path = "scenarios/cancel_all_has_an_aftermath.rs"]
mod cancel_all_has_an_aftermath;
#[path = "scenarios/cancel_loses_to_fill.rs"]
mod cancel_loses_to_fill;
#[path = "scenarios/drain_cancels_what_rests.rs"]
mod drain_cancels_what_rests;
#[path = "scenarios/duplicate_fill.rs"]
mod duplicate_fill;
#[path = "scenarios/feed_down_backfills_before_trading.rs"]
mod feed_down_backfills_before_trading;
#[path = "scenarios/fill_before_ack.rs"]
mod fill_before_ack;
#[path = "scenarios/fill_lost_on_a_healthy_stream.rs"]
mod fill_lost_on_a_healthy_stream;
#[path = "scenarios/fill_timeout_cancels_a_resting_order.rs"]
mod fill_timeout_cancels_a_resting_order;
#[path = "scenarios/halt_stops_everything_and_cancels.rs"]
mod halt_stops_everything_and_cancels;
#[path = "scenarios/journal_full_halts.rs"]
mod journal_full_halts;
#[path = "scenarios/late_ack.rs"]
mod late_ack;
#[path = "scenarios/late_fill_of_a_former_child.rs"]
mod late_fill_of_a_former_child;
#[path = "scenarios/late_landing_stops_the_market.rs"]
mod late_landing_stops_the_market;
#[path = "scenarios/listing_cut_short_is_no_evidence.rs"]
mod listing_cut_short_is_no_evidence;
#[path = "scenarios/lost_answers_are_sent_again.rs"]
mod lost_answers_are_sent_again;
#[path = "scenarios/making_order_follows_the_market.rs"]
mod making_order_follows_the_market;
#[path = "scenarios/many_cancels_go_out_together.rs"]
mod many_cancels_go_out_together;
#[path = "scenarios/markets_pause_close_and_return.rs"]
mod markets_pause_close_and_return;
#[path = "scenarios/money_from_outside_stops_trading.rs"]
mod money_from_outside_stops_trading;
#[path = "scenarios/obstacles_halt.rs"]
mod obstacles_halt;
#[path = "scenarios/order_groups.rs"]
mod order_groups;
#[path = "scenarios/orders_of_others_are_left_alone.rs"]
mod orders_of_others_are_left_alone;
#[path = "scenarios/orphan_of_a_former_run.rs"]
mod orphan_of_a_former_run;
#[path = "scenarios/partial_fill_extends_once.rs"]
mod partial_fill_extends_once;
#[path = "scenarios/partial_wait_then_child_for_the_rest.rs"]
mod partial_wait_then_child_for_the_rest;
#[path = "scenarios/reduce_only_sell.rs"]
mod reduce_only_sell;
#[path = "scenarios/replayed_frame_does_not_revive_a_finished_order.rs"]
mod replayed_frame_does_not_revive_a_finished_order;
#[path = "scenarios/request_lost.rs"]
mod request_lost;
#[path = "scenarios/response_lost.rs"]
mod response_lost;
#[path = "scenarios/retries_end_at_the_bound.rs"]
mod retries_end_at_the_bound;
#[path = "scenarios/retries_stop_when_the_market_slips.rs"]
mod retries_stop_when_the_market_slips;
#[path = "scenarios/retry_chain_fills.rs"]
mod retry_chain_fills;
#[path = "scenarios/server_error_5xx_is_unknown.rs"]
mod server_error_5xx_is_unknown;
#[path = "scenarios/settlement_is_booked.rs"]
mod settlement_is_booked;
#[path = "scenarios/silent_feed_reconnects.rs"]
mod silent_feed_reconnects;
#[path = "scenarios/slow_reads_do_not_pile_up.rs"]
mod slow_reads_do_not_pile_up;
#[path = "scenarios/timeout_then_fill_on_stream.rs"]
mod timeout_then_fill_on_stream;
#[path = "scenarios/too_many_requests.rs"]
mod too_many_requests;
#[path = "scenarios/triggered_group_refuses.rs"]
mod triggered_group_refuses;
#[path = "scenarios/voided_fill_is_taken_back.rs"]
mod voided_fill_is_taken_back;
#[path = "scenarios/yes_and_no_are_one_position.rs"]
mod yes_and_no_are_one_position;
