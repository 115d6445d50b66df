//! What is cached.

use hitbox_fn::CacheableResponse;
use serde::{Deserialize, Serialize};

/// The value that every subject caches: an ordinary struct, whose size can be chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, CacheableResponse)]
pub struct Profile {
    /// A number.
    pub id: u64,
    /// A short string.
    pub name: String,
    /// A short string.
    pub email: String,
    /// A list.
    pub roles: Vec<String>,
    /// A fraction.
    pub score: f64,
    /// A text that fills the value up to its size.
    pub about: String,
}

impl Profile {
    /// A profile that has `bytes` bytes in JSON, but at least 160.
    pub fn of_size(bytes: usize) -> Self {
        const TEXT: &str = "Reads the same row as everybody else, only faster. ";
        let mut profile = Self {
            id: 4_242_424_242,
            name: "Ada Lovelace".to_owned(),
            email: "ada@analytical.example".to_owned(),
            roles: vec!["reader".to_owned(), "editor".to_owned()],
            score: 0.625,
            about: String::new(),
        };
        let bare = serde_json::to_vec(&profile).map_or(0, |json| json.len());
        profile.about = TEXT.chars().cycle().take(bytes.saturating_sub(bare)).collect();
        profile
    }
}
