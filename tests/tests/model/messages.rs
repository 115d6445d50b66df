//! Requests on their way whose senders do not wait for them.

use crate::rules::Rules;
use crate::state::{Message, State, Token, token_bit};

impl State {
    pub(crate) fn send(&mut self, message: Message) {
        // A second one changes nothing that the first does not.
        if self.messages.contains(&Some(message)) {
            return;
        }
        let free = self.messages.iter_mut().find(|place| place.is_none());
        *free.expect("enough places") = Some(message);
        self.sort_messages();
    }

    pub(crate) fn receive(&mut self, index: usize) -> Option<Message> {
        let message = self.messages[index].take();
        self.sort_messages();
        message
    }

    fn sort_messages(&mut self) {
        self.messages.sort_unstable_by_key(|message| (message.is_none(), *message));
    }

    /// Whether nothing that was sent earlier about `token` is still on its way.
    pub(crate) fn is_next(&self, rules: &Rules, token: Token) -> bool {
        !rules.ordered
            || self
                .messages
                .iter()
                .flatten()
                .all(|earlier| earlier.tokens() & token_bit(token) == 0)
    }
}
