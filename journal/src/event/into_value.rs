//! What the methods that record a value take.

use super::Value;

/// What becomes a [`Value`] by itself: text, numbers, bools, bytes, JSON, lists and maps of them,
/// and whatever else a `Value` can be made [from](From).
///
/// A trait of its own so that the compiler's words help where something is none.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no value of a trace by itself",
    label = "neither text, number, bool, bytes, list, map nor JSON",
    note = "what implements `serde::Serialize` goes to `input_from`, `output_from`, `set_from`, \
            or through `Value::from_serialize`"
)]
pub trait IntoValue<'a>: Sized {
    /// The value.
    fn into_value(self) -> Value<'a>;
}

#[diagnostic::do_not_recommend]
impl<'a, T: Into<Value<'a>>> IntoValue<'a> for T {
    fn into_value(self) -> Value<'a> {
        self.into()
    }
}
