//! Stories that must come out right, each told in a file of its own: given, when, then.
//!
//! They drive the production stages against the simulated exchange on one thread and a virtual
//! clock; what goes wrong is scripted. At the end of each the engine's books must be the
//! exchange's.
//!
//! Stories of the requirement by number, each with the tests that tell it: under the virtual clock
//! (a file here, or a unit test) and over real sockets (`tests/end_to_end`, `tests/command_line`,
//! `tests/journal_kill.rs`). `tests/tidy.rs` holds every name to a test that exists. Where the
//! second line is missing, nothing about the story depends on a socket.
//!
//! - 1 an answer times out
//!   - clock: `response_lost`, `lost_answers_are_sent_again`
//!   - sockets: `story_01_an_order_whose_answer_never_comes_is_there_once`,
//!     `an_order_that_never_reached_the_exchange_is_sent_thrice_and_found_absent`
//! - 2 a lost order lives
//!   - clock: `response_lost`, `timeout_then_fill_on_stream`
//!   - sockets: `story_02_an_order_that_outlived_its_connection_is_there_once`,
//!     `an_order_whose_answer_is_lost_goes_out_again_and_is_booked_once`
//! - 3 a gateway error hides an accepted order
//!   - clock: `server_error_5xx_is_unknown`, `lost_answers_are_sent_again`
//!   - sockets: `story_03_an_order_behind_a_gateway_error_is_there_once`
//! - 4 an order lands late
//!   - clock: `late_landing_stops_the_market`, `late_ack`
//!   - sockets: `story_04_an_order_that_lands_late_lands_once`,
//!     `story_04_a_resting_order_that_lands_after_its_expiry_is_refused_by_the_exchange`
//! - 5 a 2xx without an order id
//!   - clock: `ack_2xx_without_order_id`
//!   - sockets: `story_05_a_success_without_an_order_id_is_looked_up`
//! - 6 an order that fills at once
//!   - clock: `fill_before_ack`, `request_lost`
//!   - sockets: `story_06_an_order_that_fills_at_once_is_not_ordered_again`
//! - 7 an answer about another order
//!   - clock: `answer_names_another_order`
//!   - sockets: `story_07_an_answer_about_another_order_is_not_believed`
//! - 8 a fill before its answer, a cancel that loses, book deltas seconds old
//!   - clock: `fill_before_ack`, `cancel_loses_to_fill`, `feed_down_backfills_before_trading`,
//!     `making_order_is_amended`, `old_book_is_not_believed`
//!   - sockets: `story_08_a_fill_that_comes_before_its_answer_is_booked_once`,
//!     `story_08_a_cancel_that_loses_to_a_fill_is_answered_404_and_the_fill_is_booked`
//! - 9 fills told twice
//!   - clock: `duplicate_fill`, `backfilled_fill_finds_its_order_later`
//!   - sockets: `story_09_fills_told_twice_are_booked_once`
//! - 10 YES and NO cross
//!   - clock: `yes_and_no_are_one_position`
//!   - sockets: `story_10_a_taker_of_either_leg_has_the_exchanges_books`,
//!     `story_10_a_taker_below_a_cent_has_the_exchanges_books`,
//!     `story_10_a_maker_on_either_leg_has_the_exchanges_books`,
//!     `story_10_a_maker_below_a_cent_pays_the_makers_fee_on_either_leg`
//! - 11 a fill lost on a healthy stream
//!   - clock: `fill_lost_on_a_healthy_stream`, `feed_down_backfills_before_trading`
//!   - sockets: `story_11_a_fill_lost_on_a_healthy_stream_is_looked_up`
//! - 12 a cursor that begins again, a stop while filling
//!   - clock: `replayed_frame_does_not_revive_a_finished_order`, `drain_cancels_what_rests`
//!   - sockets: `story_12_a_cursor_that_begins_again_books_no_fill_twice`, `killed_after_the_fill`
//! - 13 replayed frames, late fills
//!   - clock: `replayed_frame_does_not_revive_a_finished_order`, `late_fill_of_a_former_child`
//!   - sockets: `story_13_last_words_that_are_repeated_revive_nothing`
//! - 14 a voided fill
//!   - clock: `voided_fill_is_taken_back`
//!   - sockets: `story_14_a_voided_fill_is_taken_back`
//! - 15 an outage with an order resting
//!   - clock: `feed_down_backfills_before_trading`
//!   - sockets: `story_15_an_order_that_rests_through_an_outage_is_followed_to_its_fill`,
//!     `story_15_an_exchange_that_answers_503_for_five_seconds_is_waited_for`
//! - 16 a warm restart
//!   - clock: `orphan_of_a_former_run`
//!   - sockets: `story_16_a_warm_restart_keeps_the_position_and_orders_nothing`,
//!     `a_halt_and_the_days_orders_outlive_a_kill`
//! - 17 a list cut short
//!   - clock: `listing_cut_short_is_no_evidence`
//!   - sockets: `story_17_lists_cut_at_their_first_page_are_no_evidence`
//! - 18 positions that differ, reads that lag
//!   - clock: `money_from_outside_stops_trading`, `orders_of_others_are_left_alone`
//!   - sockets: `story_18_reads_a_second_behind_stop_nothing`,
//!     `books_stay_equal_over_a_hostile_link`
//! - 19 kill -9 anywhere
//!   - clock: `orphan_of_a_former_run`
//!   - sockets: `killed_with_the_signal_in_its_hands`, `killed_with_the_order_lost_on_its_way`,
//!     `killed_before_the_order_lands`, `killed_before_the_answer`,
//!     `killed_between_answer_and_fill`, `killed_after_the_fill`, `killed_while_the_order_rests`,
//!     `entries_survive_kill_9`
//! - 20 a connected stream says nothing
//!   - clock: `silent_feed_reconnects`, `fill_lost_on_a_healthy_stream`,
//!     `one_of_two_streams_dies`
//!   - sockets: `story_20_a_stream_with_pings_and_no_news_costs_no_fill`
//! - 21 one channel never speaks; reset, then 502
//!   - clock: `replayed_frame_does_not_revive_a_finished_order`
//!   - sockets: `story_21_a_stream_without_user_orders_that_is_reset_and_refused_comes_back`,
//!     `a_stream_reset_and_refused_with_502_is_backfilled_before_trading`
//! - 22 gaps, errors 10 and 25, overflow
//!   - clock: `a_channel_that_is_gone_for_good_is_asked_for_ever_more_slowly`,
//!     `book_gap_is_read_again`, `no_top_is_told_that_the_exchange_never_had`,
//!     `missed_news_are_read_again`
//!   - sockets: `story_22_error_10_on_the_fill_channel_is_asked_again`,
//!     `story_22_error_25_on_the_order_channel_is_asked_again`,
//!     `story_22_a_session_that_ends_by_overflow_is_opened_again`
//! - 23 410
//!   - clock: `obstacles_halt`
//!   - sockets: `an_endpoint_that_is_gone_halts_and_is_not_asked_again`,
//!     `story_23_a_location_that_is_not_attested_halts_and_is_not_tried_again`
//! - 24 formats change
//!   - clock: `numbers_where_strings_were_are_parsed`, `interim_responses_are_skipped`,
//!     `chunks_are_joined_and_trailers_skipped`
//!   - sockets: `story_24_new_fields_numbers_pages_and_chunks_change_no_order`
//! - 25 prices below a cent, parts of contracts
//!   - clock: `prices_below_a_cent_and_parts_of_contracts`
//!   - sockets: `story_25_prices_below_a_cent_and_parts_of_contracts_are_booked_to_the_digit`
//! - 26 clocks
//!   - clock: `pauses_are_named_and_end_by_themselves`
//!   - sockets: `a_clock_stepped_thirty_seconds_back_stops_orders_until_it_is_right`,
//!     `a_clock_stepped_thirty_seconds_ahead_stops_orders_until_it_is_right`,
//!     `a_clock_three_seconds_behind_is_refused`
//! - 27 429
//!   - clock: `too_many_requests`, `cancels_use_the_reserve_and_then_wait_for_tokens`
//!   - sockets: `five_seconds_of_429_are_sat_out`, `five_seconds_of_429_pass_without_a_halt`,
//!     `story_27_a_cancel_of_everything_is_not_starved_by_orders`,
//!     `story_27_a_halt_is_not_starved_by_orders`
//! - 28 kill switch, cancel-all
//!   - clock: `halt_stops_everything_and_cancels`, `cancel_all_has_an_aftermath`
//!   - sockets: `a_halt_cancels_what_rests_refuses_what_comes_and_stays_until_a_resume`,
//!     `cancel_all_cancels_what_rests_and_trading_goes_on`
//! - 29 pauses, closes, re-activation
//!   - clock: `markets_pause_close_and_return`, `markets_open_during_the_run`,
//!     `nothing_is_sent_during_maintenance`, `weekly_maintenance_is_waited_out`
//!   - sockets: `story_29_a_market_that_pauses_returns_and_closes_is_followed`,
//!     `story_29_a_market_listed_while_it_runs_is_taken_in`,
//!     `a_paused_exchange_is_named_and_nothing_is_sent_meanwhile`
//! - 30 reduce-only
//!   - clock: `reduce_only_sell`
//!   - sockets: `story_30_a_sale_that_would_rest_is_not_reduce_only_and_an_immediate_one_is`
//! - 31 stale quotes
//!   - clock: `making_order_follows_the_market`, `retries_stop_when_the_market_slips`,
//!     `retry_goes_by_the_streamed_book`
//!   - sockets: `story_31_a_market_that_moves_between_signal_and_retry_is_not_chased`,
//!     `a_late_retry_goes_by_the_streamed_book_and_reads_none`
//! - 32 runaways
//!   - clock: `order_groups`, `triggered_group_refuses`
//!   - sockets: `every_order_is_in_a_group_and_no_group_is_left_behind`
//! - 33 a full disk, a storm of alerts
//!   - clock: `journal_full_halts`, `a_storm_is_counted_and_told_of_twice_a_minute`
//! - 34 rude producers
//!   - sockets: `bad_lines_on_a_unix_socket_cost_nobody_anything`,
//!     `a_producer_that_leaves_mid_line_disturbs_nobody`, `a_signal_sent_twice_is_executed_once`

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
#[path = "scenarios/book_gap_is_read_again.rs"]
mod book_gap_is_read_again;
#[path = "scenarios/book_is_followed_only_while_in_play.rs"]
mod book_is_followed_only_while_in_play;
#[path = "scenarios/breaker_reaches_what_waits.rs"]
mod breaker_reaches_what_waits;
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
#[path = "scenarios/late_fill_splits_cost_as_there.rs"]
mod late_fill_splits_cost_as_there;
#[path = "scenarios/late_landing_stops_the_market.rs"]
mod late_landing_stops_the_market;
#[path = "scenarios/listing_cut_short_is_no_evidence.rs"]
mod listing_cut_short_is_no_evidence;
#[path = "scenarios/lost_answers_are_sent_again.rs"]
mod lost_answers_are_sent_again;
#[path = "scenarios/making_order_follows_the_market.rs"]
mod making_order_follows_the_market;
#[path = "scenarios/making_order_is_amended.rs"]
mod making_order_is_amended;
#[path = "scenarios/many_cancels_go_out_together.rs"]
mod many_cancels_go_out_together;
#[path = "scenarios/markets_open_during_the_run.rs"]
mod markets_open_during_the_run;
#[path = "scenarios/markets_pause_close_and_return.rs"]
mod markets_pause_close_and_return;
#[path = "scenarios/money_from_outside_stops_trading.rs"]
mod money_from_outside_stops_trading;
#[path = "scenarios/missed_news_are_read_again.rs"]
mod missed_news_are_read_again;
#[path = "scenarios/obstacles_halt.rs"]
mod obstacles_halt;
#[path = "scenarios/one_of_two_streams_dies.rs"]
mod one_of_two_streams_dies;
#[path = "scenarios/old_book_is_not_believed.rs"]
mod old_book_is_not_believed;
#[path = "scenarios/order_groups.rs"]
mod order_groups;
#[path = "scenarios/orders_of_others_are_left_alone.rs"]
mod orders_of_others_are_left_alone;
#[path = "scenarios/orders_that_wait_go_out_together.rs"]
mod orders_that_wait_go_out_together;
#[path = "scenarios/orphan_of_a_former_run.rs"]
mod orphan_of_a_former_run;
#[path = "scenarios/partial_fill_extends_once.rs"]
mod partial_fill_extends_once;
#[path = "scenarios/partial_wait_then_child_for_the_rest.rs"]
mod partial_wait_then_child_for_the_rest;
#[path = "scenarios/prices_below_a_cent_and_parts_of_contracts.rs"]
mod prices_below_a_cent_and_parts_of_contracts;
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
#[path = "scenarios/retry_goes_by_the_streamed_book.rs"]
mod retry_goes_by_the_streamed_book;
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
#[path = "scenarios/timeouts_end_in_the_true_state.rs"]
mod timeouts_end_in_the_true_state;
#[path = "scenarios/too_many_requests.rs"]
mod too_many_requests;
#[path = "scenarios/triggered_group_refuses.rs"]
mod triggered_group_refuses;
#[path = "scenarios/voided_fill_is_taken_back.rs"]
mod voided_fill_is_taken_back;
#[path = "scenarios/weekly_maintenance_is_waited_out.rs"]
mod weekly_maintenance_is_waited_out;
#[path = "scenarios/yes_and_no_are_one_position.rs"]
mod yes_and_no_are_one_position;
