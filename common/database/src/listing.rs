//! Lists of rows: filtered, sorted, and paged by a marker.
//!
//! A page begins after the marker's *values*, not after a count of rows, so that rows which come and
//! go between two pages neither repeat nor hide others. The marker may have been removed meanwhile.
use super::columns::Columns;
use super::{Database, DbError};
use model::{BackendId, Metadata, text_enum};
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use time::OffsetDateTime;
use tokio_postgres::Row;
use tokio_postgres::types::{Json, ToSql};
use uuid::Uuid;

/// What a list is asked for. Columns are named by our own code, never by a client.
#[derive(Clone, Debug, Default)]
pub struct ListQuery {
    /// The project whose rows are listed; `None` for all.
    pub project_id: Option<String>,
    /// All must hold.
    pub filters: Vec<Filter>,
    /// Most significant first.
    pub sort: Vec<Sort>,
    /// The row before the first one.
    pub marker: Option<Uuid>,
    /// Rows to skip after that.
    pub offset: i64,
    /// The most rows to return; `None` for all.
    pub limit: Option<i64>,
}

/// A condition on a column.
#[derive(Clone, Debug)]
pub enum Filter {
    /// Its text is one of these.
    OneOf(&'static str, Vec<String>),
    /// Its text contains this.
    Like(&'static str, String),
    /// It is this boolean.
    Is(&'static str, bool),
    /// It is this number.
    Number(&'static str, i64),
    /// It is null.
    Null(&'static str),
    /// The map has all of these entries.
    Has(&'static str, Metadata),
    /// It is public, or the project has access.
    VisibleTo(String),
    /// The time compares to this one so.
    Time(&'static str, Comparison, OffsetDateTime),
    /// Nothing matches: the filter names something that no row has.
    Nothing,
}

text_enum! {
    /// How two times compare, in the words of Cinder's time filters.
    pub enum Comparison {
        /// Later than.
        After = "gt",
        /// Not earlier than.
        NotBefore = "gte",
        /// At.
        At = "eq",
        /// Not at.
        NotAt = "neq",
        /// Earlier than.
        Before = "lt",
        /// Not later than.
        NotAfter = "lte",
    }
}

impl Comparison {
    const fn operator(self) -> &'static str {
        match self {
            Self::After => ">",
            Self::NotBefore => ">=",
            Self::At => "=",
            Self::NotAt => "<>",
            Self::Before => "<",
            Self::NotAfter => "<=",
        }
    }
}

/// One sort key.
#[derive(Clone, Copy, Debug)]
pub struct Sort {
    /// The column.
    pub column: &'static str,
    /// Largest first; nulls come first then, and last otherwise.
    pub descending: bool,
}

/// A marker that names no row.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// There is no row with the marker's id, not even a removed one.
    #[error("the marker {0} is not there")]
    NoSuchMarker(Uuid),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DbError),
}

/// A whole row as JSON, for what is not read often enough to name its columns.
pub(super) const ROW_AS_JSON: &str = "to_jsonb(v)";

/// Reads a [`ROW_AS_JSON`].
pub(super) fn from_json<T: DeserializeOwned>(row: &Row) -> Result<T, DbError> {
    Columns::of(row).json()
}

type Parameter = Box<dyn ToSql + Sync + Send>;

struct Statement {
    sql: String,
    parameters: Vec<Parameter>,
}

impl Statement {
    fn bind(&mut self, value: impl ToSql + Sync + Send + 'static) -> usize {
        self.parameters.push(Box::new(value));
        self.parameters.len()
    }

    fn references(&self) -> Vec<&(dyn ToSql + Sync)> {
        self.parameters.iter().map(|parameter| &**parameter as &(dyn ToSql + Sync)).collect()
    }
}

/// What lists show.
pub trait Listed: Sized {
    /// The view of it, or its table.
    const VIEW: &'static str;
    /// What is read of a row `v` of the view.
    const COLUMNS: &'static str = ROW_AS_JSON;

    /// Reads those columns.
    ///
    /// # Errors
    /// When they are not what was expected: a defect.
    fn read(row: &Row) -> Result<Self, DbError>;

    /// Its id.
    fn id(&self) -> Uuid;
}

/// The page that the query describes.
///
/// # Errors
/// When the marker names no row, or the database does not answer.
pub async fn page<T: Listed>(database: &Database, query: &ListQuery) -> Result<Vec<T>, ListError> {
    let view = T::VIEW;
    if let Some(marker) = query.marker {
        require_row(database, view, marker, query.project_id.as_deref()).await?;
    }
    let mut statement = matching(view, query, T::COLUMNS);
    if let Some(marker) = query.marker {
        let marker = statement.bind(marker);
        let after = after_marker(&query.sort);
        let cte = format!("with m as materialized (select * from {view} where id = ${marker}) ");
        statement.sql.insert_str(0, &cte);
        let _ = write!(statement.sql, " and ({after})");
    }
    let order: Vec<String> = query.sort.iter().map(order_by).collect();
    let limit = statement.bind(query.limit);
    let offset = statement.bind(query.offset);
    let _ = write!(
        statement.sql,
        " order by {} limit ${limit}::bigint offset ${offset}",
        order.join(", ")
    );
    let rows = database.typed_rows(&statement.sql, &statement.references()).await?;
    Ok(rows.iter().map(T::read).collect::<Result<_, _>>()?)
}

/// How many rows the query's filters match, whatever its page.
///
/// # Errors
/// When the database does not answer.
pub async fn count<T: Listed>(database: &Database, query: &ListQuery) -> Result<i64, DbError> {
    Ok(aggregate::<T, _>(database, query, "to_jsonb(count(*))").await?.unwrap_or(0))
}

/// All rows on a backend: of resources that are on one.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn of_backend<T: Listed>(
    database: &Database,
    backend: BackendId,
) -> Result<Vec<T>, DbError> {
    let sql = format!(
        "select {} from {} v where backend_id = $1 and deleted_at is null",
        T::COLUMNS,
        T::VIEW
    );
    let rows = database.typed_rows_without_time_limit(&sql, &[&backend.0]).await?;
    rows.iter().map(T::read).collect()
}

/// The row with this id, unless it is removed or belongs to another project than `project_scope`.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn find<T: Listed>(
    database: &Database,
    id: Uuid,
    project_scope: Option<&str>,
) -> Result<Option<T>, DbError> {
    let sql = format!(
        "select {} from {} v \
         where id = $1 and deleted_at is null and project_id = coalesce($2, project_id)",
        T::COLUMNS,
        T::VIEW
    );
    let rows = database.typed_rows(&sql, &[&id, &project_scope]).await?;
    rows.first().map(T::read).transpose()
}

/// What an aggregate expression over the rows that the query's filters match comes to.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn aggregate<T: Listed, R: DeserializeOwned>(
    database: &Database,
    query: &ListQuery,
    expression: &'static str,
) -> Result<Option<R>, DbError> {
    let statement = matching(T::VIEW, query, expression);
    database.row(&statement.sql, &statement.references()).await
}

/// The values that each key has in a map of the rows that the query's filters match: what differs is read, however many the rows
/// are.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn values_of_map<T: Listed>(
    database: &Database,
    query: &ListQuery,
    column: &'static str,
) -> Result<BTreeMap<String, BTreeSet<String>>, DbError> {
    let matching = matching(T::VIEW, query, &format!("v.{column} as map"));
    let sql = format!(
        "select distinct each.key, each.value from ({}) m, jsonb_each_text(m.map) each",
        matching.sql
    );
    let mut values: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in &database.typed_rows(&sql, &matching.references()).await? {
        let mut columns = Columns::of(row);
        values.entry(columns.next()?).or_default().insert(columns.next()?);
    }
    Ok(values)
}

async fn require_row(
    database: &Database,
    view: &str,
    marker: Uuid,
    project_id: Option<&str>,
) -> Result<(), ListError> {
    let sql = format!(
        "select to_jsonb(true) from {view} where id = $1{}",
        if project_id.is_some() { " and project_id = $2" } else { "" }
    );
    let scoped: [&(dyn ToSql + Sync); 2] = [&marker, &project_id];
    let parameters = if project_id.is_some() { &scoped[..] } else { &scoped[..1] };
    let found: Option<bool> = database.row(&sql, parameters).await?;
    found.map(drop).ok_or(ListError::NoSuchMarker(marker))
}

fn matching(view: &str, query: &ListQuery, what: &str) -> Statement {
    let mut statement = Statement {
        sql: format!("select {what} from {view} v where v.deleted_at is null"),
        parameters: Vec::new(),
    };
    if let Some(project_id) = query.project_id.clone() {
        let position = statement.bind(project_id);
        let _ = write!(statement.sql, " and v.project_id = ${position}");
    }
    for filter in &query.filters {
        restrict(&mut statement, filter.clone());
    }
    statement
}

fn restrict(statement: &mut Statement, filter: Filter) {
    let condition = match filter {
        Filter::OneOf(column, values) => {
            format!("v.{column}::text = any (${})", statement.bind(values))
        }
        Filter::Like(column, part) => {
            let pattern =
                format!("%{}%", part.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"));
            format!("v.{column}::text like ${}", statement.bind(pattern))
        }
        Filter::Is(column, value) => format!("v.{column} = ${}", statement.bind(value)),
        Filter::Number(column, value) => format!("v.{column} = ${}::bigint", statement.bind(value)),
        Filter::Null(column) => format!("v.{column} is null"),
        Filter::Has(column, entries) => {
            format!("v.{column} @> ${}::jsonb", statement.bind(Json(entries)))
        }
        Filter::VisibleTo(project) => {
            format!("(v.is_public or v.access ? ${})", statement.bind(project))
        }
        Filter::Time(column, comparison, time) => {
            format!("v.{column} {} ${}", comparison.operator(), statement.bind(time))
        }
        Filter::Nothing => "false".to_owned(),
    };
    let _ = write!(statement.sql, " and {condition}");
}

fn order_by(sort: &Sort) -> String {
    format!(
        "v.{} {}",
        sort.column,
        if sort.descending { "desc nulls first" } else { "asc nulls last" }
    )
}

/// Columns that have a value in every row.
const NEVER_NULL: [&str; 2] = ["created_at", "id"];

/// The rows that come after `m` in the order of the sort keys. Its values are subqueries of their own: each is
/// evaluated once, and an index can be searched for it.
fn after_marker(sort: &[Sort]) -> String {
    let is_uniform = sort
        .iter()
        .all(|key| key.descending == sort[0].descending && NEVER_NULL.contains(&key.column));
    if is_uniform { after_values(sort) } else { after_one_of_values(sort) }
}

/// All keys have values and one direction: rows compare as wholes, as the index is sorted.
fn after_values(sort: &[Sort]) -> String {
    let list = |value: &dyn Fn(&str) -> String| {
        sort.iter().map(|key| value(key.column)).collect::<Vec<_>>().join(", ")
    };
    let beyond = if sort.iter().all(|key| key.descending) { "<" } else { ">" };
    format!("({}) {beyond} ({})", list(&|column| format!("v.{column}")), list(&marker_value))
}

fn after_one_of_values(sort: &[Sort]) -> String {
    let mut equal_so_far = String::new();
    let mut alternatives = Vec::new();
    for Sort { column, descending } in sort {
        let value = marker_value(column);
        let beyond = if *descending {
            format!("(v.{column} < {value} or ({value} is null and v.{column} is not null))")
        } else {
            format!("(v.{column} > {value} or (v.{column} is null and {value} is not null))")
        };
        alternatives.push(format!("{equal_so_far}{beyond}"));
        let _ = write!(equal_so_far, "v.{column} is not distinct from {value} and ");
    }
    alternatives.join(" or ")
}

fn marker_value(column: &str) -> String {
    format!("(select {column} from m)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_starts_after_the_markers_values() {
        let key = |column, descending| Sort { column, descending };
        assert_eq!(
            after_marker(&[key("name", false), key("id", true)]),
            "(v.name > (select name from m) or (v.name is null and (select name from m) is not null)) \
             or v.name is not distinct from (select name from m) and \
             (v.id < (select id from m) or ((select id from m) is null and v.id is not null))"
        );
        assert_eq!(
            after_marker(&[key("created_at", true), key("id", true)]),
            "(v.created_at, v.id) < ((select created_at from m), (select id from m))"
        );
        assert_eq!(
            after_marker(&[key("created_at", false), key("id", false)]),
            "(v.created_at, v.id) > ((select created_at from m), (select id from m))"
        );
    }

    #[test]
    fn a_filter_binds_its_value_and_never_writes_it_into_the_statement() {
        let query = ListQuery {
            filters: vec![Filter::Like("name", "50%_\\".to_owned())],
            ..ListQuery::default()
        };
        let statement = matching("volume_details", &query, "1");
        assert_eq!(
            statement.sql,
            "select 1 from volume_details v where v.deleted_at is null and v.name::text like $1"
        );
    }
}
