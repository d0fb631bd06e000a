//! A small map that keeps only what was set lately: enough for what is going on, bounded whatever comes.

use std::collections::VecDeque;

/// How many entries are remembered.
const KEPT: usize = 512;

/// The newest entries, found from the newest back.
#[derive(Debug)]
pub(crate) struct RecentMap<K, V>(VecDeque<(K, V)>);

impl<K, V> Default for RecentMap<K, V> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<K: PartialEq, V: Copy> RecentMap<K, V> {
    pub(crate) fn get(&self, key: &K) -> Option<V> {
        self.find(|known| known == key)
    }

    /// The newest value whose key is meant.
    pub(crate) fn find(&self, is_meant: impl Fn(&K) -> bool) -> Option<V> {
        self.0
            .iter()
            .rev()
            .find(|(key, _)| is_meant(key))
            .map(|(_, value)| *value)
    }

    /// Sets a value; the key is then the newest.
    pub(crate) fn set(&mut self, key: K, value: V) {
        self.0.retain(|(known, _)| *known != key);
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back((key, value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_forgotten() {
        let mut map = RecentMap::default();
        for key in 0..=KEPT {
            map.set(key, key * 2);
        }
        assert_eq!(
            (map.get(&0), map.get(&1), map.get(&KEPT)),
            (None, Some(2), Some(KEPT * 2))
        );
    }

    #[test]
    fn what_is_set_again_is_new_again() {
        let mut map = RecentMap::default();
        map.set(1, 1);
        map.set(2, 2);
        map.set(1, 3);
        assert_eq!(map.find(|_| true), Some(3));
    }
}
