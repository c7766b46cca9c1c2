//! Followed books with their rings: what the oms wishes comes in, what is seen goes out.
//!
//! Sits in one connection. A market's newest view waits here while its ring is full: nothing is
//! queued twice, and nothing that the oms needs more waits behind it.

use super::books::Books;
use crate::message::{BookNews, FollowCommand};
use crate::runtime::stage::Work;

/// Wishes and views passed on in one poll: more than come at once.
const STEPS_MAX: usize = 16;

/// See the module's page.
#[derive(Debug)]
pub(super) struct Followed {
    pub(super) books: Books,
    wishes: rtrb::Consumer<FollowCommand>,
    news: rtrb::Producer<BookNews>,
}

impl Followed {
    pub(super) const fn new(
        books: Books,
        wishes: rtrb::Consumer<FollowCommand>,
        news: rtrb::Producer<BookNews>,
    ) -> Self {
        Self { books, wishes, news }
    }

    /// Takes wishes and tells views.
    pub(super) fn poll(&mut self) -> Work {
        let mut work = Work::Idle;
        for _ in 0..STEPS_MAX {
            let Ok(wish) = self.wishes.pop() else { break };
            self.books.handle_wish(wish);
            work = Work::Done;
        }
        for _ in 0..STEPS_MAX {
            if self.news.is_full() {
                break;
            }
            let Some(news) = self.books.poll_news() else { break };
            let pushed = self.news.push(news);
            debug_assert!(pushed.is_ok(), "Invariant: room was looked for");
            work = Work::Done;
        }
        work
    }
}
