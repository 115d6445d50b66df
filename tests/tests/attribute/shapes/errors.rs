//! Error types: a call can be spawned where its plain twin can.

use std::error::Error;
use std::io;

use super::*;

/// A function for each error type, and a test that spawns a call of it.
macro_rules! spawned {
    ($($name:ident: $error:ty = $make:expr;)*) => {$(
        #[tokio::test]
        async fn $name() {
            #[cachefence(key = "spawned-error:<id>", ttl = 60, entry = false)]
            async fn cached(id: u64) -> Result<u64, $error> {
                if id == 0 { Err($make) } else { Ok(id) }
            }

            let spawned = tokio::spawn(async { cached(0).await.is_err() && cached(1).await.is_ok() });
            assert!(spawned.await.unwrap());
        }
    )*};
}

spawned! {
    a_static_str: &'static str = "no";
    a_tuple_with_a_static_str: (u16, &'static str) = (404, "no");
    a_cow: Cow<'static, str> = "no".into();
    an_arc_of_an_error: Arc<dyn Error + Send + Sync> = Arc::new(io::Error::other("no"));
    a_box_of_an_error: Box<dyn Error + Send + Sync> = "no".into();
    an_io_error: io::Error = io::Error::other("no");
    anyhows_error: anyhow::Error = anyhow::anyhow!("no");
    a_string: String = "no".to_owned();
    a_unit: () = ();
}

#[tokio::test]
async fn an_entry_loaded_by_hand_is_spawned_too() {
    let spawned = tokio::spawn(async {
        let cache = cachefence::CacheFence::in_memory();
        let minute = std::time::Duration::from_secs(60);
        let load = || async { Err::<u64, Box<dyn Error + Send + Sync>>("no".into()) };
        cache.get_or_set("k", minute, load).await.is_err()
    });
    assert!(spawned.await.unwrap());
}
