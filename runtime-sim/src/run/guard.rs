//! Panics of a run as what they are: assertions of the broker, or of the simulator, that did not hold.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, PanicHookInfo};
use std::sync::Once;

thread_local! {
    static IS_GUARDED: Cell<bool> = const { Cell::new(false) };
    static MESSAGE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs `work`. Where it panics, nothing is printed, and the answer is the message with its place.
pub(super) fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let other = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| match IS_GUARDED.get() {
            true => MESSAGE.set(Some(tell(info))),
            false => other(info),
        }));
    });
    let was_guarded = IS_GUARDED.replace(true);
    let result = std::panic::catch_unwind(AssertUnwindSafe(work));
    IS_GUARDED.set(was_guarded);
    result.map_err(|_| MESSAGE.take().unwrap_or_default())
}

fn tell(info: &PanicHookInfo<'_>) -> String {
    let payload = info.payload();
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("a panic");
    let place = info.location().map_or(String::new(), |place| format!(" at {}:{}", place.file(), place.line()));
    format!("{}{place}", text.replace('\n', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_told_with_its_place() {
        assert_eq!(guarded(|| 7), Ok(7));
        let told = guarded(|| panic!("no {}", "way")).unwrap_err();
        assert!(told.starts_with("no way at ") && told.contains("guard.rs:"), "{told}");
    }
}
