//! Lists of ids in statements.

use sqlx::QueryBuilder;

use super::Db;

/// Adds `(…, …)` of ids; of none, a list that holds nothing.
///
/// The list is filled up to a power of two with what it ends in. That changes no answer, and leaves few statements that differ: an
/// engine that has seen one of a length need not plan it again.
pub(super) fn among<'i>(query: &mut QueryBuilder<Db>, ids: impl Iterator<Item = &'i str>) {
    let mut ids: Vec<Option<String>> = ids.map(|id| Some(id.to_owned())).collect();
    let last = ids.last().cloned().flatten();
    ids.resize(ids.len().next_power_of_two(), last);
    let mut places = query.push("(").separated(", ");
    for id in ids {
        places.push_bind(id);
    }
    query.push(")");
}
