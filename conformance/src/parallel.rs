//! Work that is shared out among threads.

use std::{
    convert::Infallible,
    num::NonZeroUsize,
    panic::resume_unwind,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

/// Does something for each number below `count`, `jobs` of them at a time, and gives what came of it in the order of the
/// numbers. What a thread throws is thrown on: it is a defect that must be seen.
pub(crate) fn each<T: Send>(count: usize, jobs: NonZeroUsize, deed: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let Ok(done) = try_each(count, jobs, |place| Ok::<_, Infallible>(deed(place)));
    done
}

/// The same for what may fail: after the first failure nothing else begins.
///
/// # Errors
///
/// Something failed.
pub(crate) fn try_each<T: Send, E: Send>(
    count: usize,
    jobs: NonZeroUsize,
    deed: impl Fn(usize) -> Result<T, E> + Sync,
) -> Result<Vec<T>, E> {
    let next = AtomicUsize::new(0);
    let worker = || -> Result<Vec<(usize, T)>, E> {
        let mut done = Vec::new();
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            if place >= count {
                return Ok(done);
            }
            // Nobody needs the rest.
            let stop = |error| {
                next.store(count, Ordering::Relaxed);
                error
            };
            done.push((place, deed(place).map_err(stop)?));
        }
    };
    let done = thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs.get().min(count)).map(|_| scope.spawn(worker)).collect();
        let joined = workers.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic)));
        joined.collect::<Result<Vec<_>, E>>()
    })?;
    let mut done: Vec<(usize, T)> = done.into_iter().flatten().collect();
    done.sort_by_key(|(place, _)| *place);
    Ok(done.into_iter().map(|(_, result)| result).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOBS: NonZeroUsize = NonZeroUsize::new(4).expect("not zero");

    #[test]
    fn results_come_in_order() {
        assert_eq!(each(100, JOBS, |place| place * 2), (0..100).map(|place| place * 2).collect::<Vec<_>>());
        assert!(each(0, JOBS, |place| place).is_empty());
    }

    #[test]
    fn after_a_failure_nothing_begins() {
        let begun = AtomicUsize::new(0);
        let result = try_each(1_000, NonZeroUsize::MIN, |place| {
            begun.fetch_add(1, Ordering::Relaxed);
            if place == 3 { Err("three") } else { Ok(()) }
        });
        assert_eq!((result, begun.into_inner()), (Err("three"), 4));
    }
}
