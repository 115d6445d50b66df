//! Sharing a [`std::io::Error`], which cannot be cloned.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};
use std::sync::Arc;

use super::error::{KeepError, ShareError, SharedErr};

/// Every caller gets an error of the same kind. An error of the operating system is made again by its code. An
/// error that holds another error is made again around that one, which all callers then share; if there is
/// nobody to share it with, the caller whose body failed gets its error as it was.
#[derive(Debug, Clone, Copy)]
pub struct ByKind;

impl KeepError<io::Error> for ByKind {
    type Kept = io::Error;
}

impl ShareError<io::Error> for ByKind {
    fn part(&self, error: io::Error) -> Result<(io::Error, Option<SharedErr>), io::Error> {
        let copy = match (error.raw_os_error(), error.kind()) {
            (Some(code), _) => Copied::Os(code),
            (None, kind) if error.get_ref().is_none() => Copied::Kind(kind, error.to_string()),
            (None, kind) => {
                let Some(inner) = error.into_inner() else { return Err(kind.into()) };
                let inner = Inner(Arc::new(inner));
                let kept = io::Error::new(kind, Inner(Arc::clone(&inner.0)));
                return Ok((kept, Some(Arc::new(Copied::Around(kind, inner)))));
            }
        };
        Ok((error, Some(Arc::new(copy))))
    }

    fn own(kept: io::Error) -> io::Error {
        let kind = kept.kind();
        if kept.get_ref().is_none_or(|inner| !inner.is::<Inner>()) {
            return kept;
        }
        let inner = kept.into_inner().and_then(|inner| inner.downcast::<Inner>().ok());
        match inner.map(|inner| Arc::try_unwrap(inner.0)) {
            Some(Ok(inner)) => io::Error::new(kind, inner),
            Some(Err(shared)) => io::Error::new(kind, Inner(shared)),
            None => kind.into(),
        }
    }

    fn unpack(&self, shared: &(dyn Any + Send + Sync)) -> Option<io::Error> {
        Some(match shared.downcast_ref()? {
            Copied::Os(code) => io::Error::from_raw_os_error(*code),
            Copied::Kind(kind, text) if *text == kind.to_string() => (*kind).into(),
            Copied::Kind(kind, text) => io::Error::new(*kind, text.as_str()),
            Copied::Around(kind, Inner(inner)) => io::Error::new(*kind, Inner(Arc::clone(inner))),
        })
    }
}

/// What the other callers make their errors of.
enum Copied {
    Os(i32),
    /// A kind, and the words of the error: the standard library has words of its own for some.
    Kind(ErrorKind, String),
    Around(ErrorKind, Inner),
}

/// An error that several others hold.
#[derive(Debug)]
struct Inner(Arc<Box<dyn Error + Send + Sync>>);

impl fmt::Display for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for Inner {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&**self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    struct Own(u8);

    impl fmt::Display for Own {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "own {}", self.0)
        }
    }

    impl Error for Own {}

    /// The error of the caller whose body failed, with that of another caller, if there is one.
    fn shared(error: io::Error, with_another: bool) -> (io::Error, Option<io::Error>) {
        let Ok((kept, Some(shared))) = ByKind.part(error) else { panic!("it is shared") };
        let other = with_another.then(|| ByKind.unpack(&*shared).unwrap());
        drop(shared);
        (ByKind::own(kept), other)
    }

    #[test]
    fn an_error_of_the_system_is_made_again_by_its_code() {
        let (own, other) = shared(io::Error::from_raw_os_error(2), true);
        let other = other.unwrap();
        assert_eq!((own.raw_os_error(), other.raw_os_error()), (Some(2), Some(2)));
        assert_eq!(own.to_string(), other.to_string());
    }

    #[test]
    fn an_error_that_is_a_kind_is_made_again_by_it() {
        let (own, other) = shared(ErrorKind::TimedOut.into(), true);
        assert_eq!((own.kind(), other.unwrap().kind()), (ErrorKind::TimedOut, ErrorKind::TimedOut));
        let too_short = io::Read::read_exact(&mut &b"ab"[..], &mut [0; 3]).unwrap_err();
        let (own, other) = shared(too_short, true);
        let other = other.unwrap();
        assert_eq!((own.kind(), own.to_string()), (other.kind(), other.to_string()));
        assert_eq!(own.to_string(), "failed to fill whole buffer");
    }

    #[test]
    fn an_error_that_holds_another_is_shared_around_it() {
        let (own, other) = shared(io::Error::new(ErrorKind::InvalidData, Own(7)), true);
        for error in [own, other.unwrap()] {
            assert_eq!(
                (error.kind(), error.to_string()),
                (ErrorKind::InvalidData, "own 7".to_owned())
            );
            let source = error.source().unwrap();
            assert_eq!(source.downcast_ref(), Some(&Own(7)), "as its source");
        }
    }

    #[test]
    fn who_shares_with_nobody_gets_the_error_as_it_was() {
        let (own, _) = shared(io::Error::new(ErrorKind::InvalidData, Own(7)), false);
        assert_eq!(own.kind(), ErrorKind::InvalidData);
        assert_eq!(own.get_ref().unwrap().downcast_ref(), Some(&Own(7)));
    }
}
