//! Values that hold others: references, options, lists, tuples.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use crate::key::{KeyPart, PartWriter};

macro_rules! by_target {
    ($($ty:ty),* $(,)?) => {$(
        impl<T: KeyPart + ?Sized> KeyPart for $ty {
            fn write_part(&self, part: &mut PartWriter<'_>) {
                (**self).write_part(part);
            }
        }
    )*};
}

by_target!(&T, &mut T, Box<T>, Rc<T>, Arc<T>);

impl<T: KeyPart + ToOwned + ?Sized> KeyPart for Cow<'_, T> {
    fn write_part(&self, part: &mut PartWriter<'_>) {
        (**self).write_part(part);
    }
}

impl<T: KeyPart> KeyPart for Option<T> {
    fn write_part(&self, part: &mut PartWriter<'_>) {
        match self {
            None => part.none(),
            Some(value) => part.some(|part| value.write_part(part)),
        }
    }
}

macro_rules! by_elements {
    ($($ty:ty),* $(,)?) => {$(
        impl<T: KeyPart> KeyPart for $ty {
            fn write_part(&self, part: &mut PartWriter<'_>) {
                part.list(|part| self.iter().for_each(|element| part.element(element)));
            }
        }
    )*};
}

by_elements!([T], Vec<T>, VecDeque<T>, BTreeSet<T>);

impl<T: KeyPart, const N: usize> KeyPart for [T; N] {
    fn write_part(&self, part: &mut PartWriter<'_>) {
        self.as_slice().write_part(part);
    }
}

impl<K: KeyPart, V: KeyPart> KeyPart for BTreeMap<K, V> {
    fn write_part(&self, part: &mut PartWriter<'_>) {
        part.list(|part| self.iter().for_each(|pair| part.element(&pair)));
    }
}

macro_rules! by_fields {
    ($(($($field:ident $index:tt),*)),* $(,)?) => {$(
        impl<$($field: KeyPart),*> KeyPart for ($($field,)*) {
            fn write_part(&self, part: &mut PartWriter<'_>) {
                part.list(|_part| { $(_part.element(&self.$index);)* });
            }
        }
    )*};
}

by_fields!(
    (),
    (A 0),
    (A 0, B 1),
    (A 0, B 1, C 2),
    (A 0, B 1, C 2, D 3),
    (A 0, B 1, C 2, D 3, E 4),
    (A 0, B 1, C 2, D 3, E 4, F 5),
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6),
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7),
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8),
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9),
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10),
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11),
);
