//! Placement: the backend and pool of a volume.
//!
//! Filters reject candidates, each with a reason; weighers order the rest. The gate then decides about the
//! best candidate. When none is left, the rejections are counted on fresh data, so that the answer is
//! true at the moment when it is given.

mod candidate;
mod filters;
mod weights;

use crate::admission::{AdmissionController, AdmittedOperation, NotAdmitted, Request};
use crate::backend_reports::BackendReports;
use candidate::Candidate;
use filters::FilterRejection;
use model::{Backend, Error, Placement};
use operation::placement::PlacementRequest;
use std::collections::BTreeMap;
pub(crate) use weights::Weights;

/// Admits an operation on the best candidate whose condition allows it.
pub(crate) async fn admit_with_placement(
    gatekeeper: &AdmissionController,
    reports: &BackendReports,
    weights: Weights,
    request: &Request<'_>,
    wanted: &PlacementRequest,
) -> Result<AdmittedOperation, NotAdmitted> {
    let mut known = reports.recent();
    if let Ok(admitted) =
        try_placements(gatekeeper, reports, weights, request, wanted, &known).await?
    {
        return Ok(admitted);
    }
    known = reports.fresh().await?;
    match try_placements(gatekeeper, reports, weights, request, wanted, &known).await? {
        Ok(admitted) => Ok(admitted),
        Err(NoValidBackend) => {
            // it may have got the last room itself, and its answer was lost
            if let Some(admitted) = gatekeeper.admitted_before(request).await? {
                return Ok(admitted);
            }
            let origin = wanted.origin.as_ref();
            let origin = known
                .iter()
                .find(|backend| origin.is_some_and(|origin| origin.backend_id == backend.id));
            let refusal = origin.and_then(|backend| gatekeeper.refusal(request, backend));
            Err(NotAdmitted::Refused(refusal.unwrap_or_else(|| no_valid_backend(&known, wanted))))
        }
    }
}

/// Every candidate was rejected or refused.
struct NoValidBackend;

async fn try_placements(
    gatekeeper: &AdmissionController,
    reports: &BackendReports,
    weights: Weights,
    request: &Request<'_>,
    wanted: &PlacementRequest,
    known: &[Backend],
) -> Result<Result<AdmittedOperation, NoValidBackend>, NotAdmitted> {
    for place in weighed_placements(known, wanted, weights) {
        match gatekeeper.admit_at(request, wanted.origin.as_ref(), &place).await {
            Ok(admitted) => {
                reports.reserve_capacity(&place, wanted.size_gb);
                tracing::info!(backend.name = admitted.backend(), pool = place.pool, "placed");
                return Ok(Ok(admitted));
            }
            Err(NotAdmitted::BlockedByCondition(_)) => {}
            Err(certain) => return Err(certain),
        }
    }
    Ok(Err(NoValidBackend))
}

/// The candidates that pass all filters, best first.
fn weighed_placements(
    known: &[Backend],
    wanted: &PlacementRequest,
    weights: Weights,
) -> Vec<Placement> {
    let mut fitting: Vec<_> = candidates(known)
        .filter(|candidate| filters::filter_rejection(candidate, wanted).is_none())
        .collect();
    weights.sort(&mut fitting);
    // the current pool first: nothing has to be copied; the sort is stable
    let goes = |candidate: &Candidate<'_>| {
        wanted.origin.as_ref().is_some_and(|origin| !candidate.is(origin))
    };
    fitting.sort_by_key(goes);
    fitting.iter().map(Candidate::placement).collect()
}

fn candidates(known: &[Backend]) -> impl Iterator<Item = Candidate<'_>> {
    known.iter().flat_map(|backend| {
        let pools = backend.report.as_ref().map_or(&[][..], |report| &report.pools);
        pools.iter().map(move |pool| Candidate { backend, pool })
    })
}

fn no_valid_backend(known: &[Backend], wanted: &PlacementRequest) -> Error {
    let mut counted: BTreeMap<FilterRejection, usize> = BTreeMap::new();
    for backend in known {
        *counted.entry(backend_rejection(backend, wanted)).or_default() += 1;
    }
    if counted.is_empty() {
        return Error::unavailable("No valid backend was found: no backend has ever reported.");
    }
    let only_down =
        counted.keys().all(|filter_rejection| *filter_rejection == FilterRejection::Down);
    let reasons: Vec<String> = counted
        .into_iter()
        .map(|(filter_rejection, count)| format!("{count} {filter_rejection}"))
        .collect();
    let message = format!(
        "No valid backend was found: {} backend{}: {}.",
        known.len(),
        if known.len() == 1 { "" } else { "s" },
        reasons.join(", ")
    );
    if only_down { Error::unavailable(message) } else { Error::bad_request(message) }
}

/// The rejection of a backend: the first of its pools' rejections.
fn backend_rejection(backend: &Backend, wanted: &PlacementRequest) -> FilterRejection {
    let pools = candidates(std::slice::from_ref(backend));
    let misfits: Vec<_> =
        pools.map(|candidate| filters::filter_rejection(&candidate, wanted)).collect();
    match misfits.into_iter().flatten().next() {
        Some(filter_rejection) => filter_rejection,
        None if backend.report.is_none() => FilterRejection::NeverReported,
        // all filters pass, but the condition changed before the admission
        None => FilterRejection::ConditionChanged,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use configuration::SchedulerConfig;
    use model::PoolReport;
    use model::{BackendId, BackendReport, Condition, ReplicationStatus};
    use operation::placement::Affinity;
    use operation::placement::Origin;

    pub(crate) fn backend(name: &str, free_gb: f64, conditions: &[Condition]) -> Backend {
        let pool = PoolReport {
            name: "pool".to_owned(),
            total_capacity_gb: 100.0,
            free_capacity_gb: free_gb,
            provisioned_capacity_gb: 0.0,
            max_over_subscription_ratio: 1.0,
            reserved_percentage: 0,
            thin_provisioning_support: true,
            total_volumes: 0,
        };
        Backend {
            id: BackendId::random(),
            name: name.to_owned(),
            availability_zone: "nova".to_owned(),
            disabled_reason: None,
            disabled_at: None,
            frozen_at: None,
            replication_status: ReplicationStatus::Disabled,
            clustered: false,
            created_at: None,
            epoch: 1,
            active: model::Side::Primary,
            seen_at: None,
            updated_at: None,
            report: Some(BackendReport {
                volume_backend_name: name.to_owned(),
                vendor_name: String::new(),
                driver_version: String::new(),
                storage_protocol: String::new(),
                online_extend_support: false,
                online_snapshot_support: false,
                multiattach: false,
                replication_enabled: false,
                replication_targets: Vec::new(),
                replication_mode: None,
                sides_down: Vec::new(),
                replication: model::ReplicationProgress::default(),
                capabilities: Vec::new(),
                pools: vec![pool],
            }),
            conditions: conditions.to_vec(),
            allocated_gb: BTreeMap::new(),
        }
    }

    fn wanted(size_gb: i32) -> PlacementRequest {
        PlacementRequest { size_gb, ..PlacementRequest::default() }
    }

    fn weights(capacity: f64, volume_number: f64) -> Weights {
        Weights::new(&SchedulerConfig {
            capacity_weight_multiplier: capacity,
            volume_number_multiplier: volume_number,
            ..SchedulerConfig::default()
        })
    }

    #[test]
    fn multipliers_say_what_is_best() {
        let mut known = [backend("a", 10.0, &[]), backend("b", 50.0, &[])];
        for (backend, volumes) in known.iter_mut().zip([1, 7]) {
            if let Some(report) = &mut backend.report {
                report.pools[0].total_volumes = volumes;
            }
        }
        let best = |weights: Weights| weighed_placements(&known, &wanted(5), weights)[0].backend_id;
        assert_eq!(best(weights(1.0, 0.0)), known[1].id);
        assert_eq!(best(weights(-1.0, 0.0)), known[0].id);
        assert_eq!(best(weights(0.0, -1.0)), known[0].id);
        assert_eq!(best(weights(1.0, -0.5)), known[1].id);
        assert_eq!(best(weights(0.5, -1.0)), known[0].id);
    }

    #[test]
    fn other_volumes_draw_and_repel() {
        let known = [backend("a", 10.0, &[]), backend("b", 50.0, &[])];
        let places = |affinity: Affinity| {
            let wanted = PlacementRequest { affinity, ..wanted(1) };
            let ranked = weighed_placements(&known, &wanted, weights(1.0, 0.0)).into_iter();
            ranked.map(|place| place.backend_id).collect::<Vec<_>>()
        };
        let (a, b) = (known[0].id, known[1].id);
        assert_eq!(places(Affinity { same: Some(vec![a]), different: vec![] }), [a]);
        assert_eq!(places(Affinity { same: None, different: vec![b] }), [a]);
        assert_eq!(places(Affinity { same: Some(vec![]), different: vec![] }), []);
        assert_eq!(places(Affinity { same: Some(vec![a]), different: vec![a] }), []);
    }

    #[test]
    fn the_emptiest_backend_comes_first() {
        let mut known =
            vec![backend("a", 10.0, &[]), backend("b", 50.0, &[]), backend("c", 20.0, &[])];
        known[1].allocated_gb.insert("pool".to_owned(), 95.0);
        let ranked = weighed_placements(&known, &wanted(5), weights(1.0, 0.0));
        let names: Vec<_> = ranked
            .iter()
            .filter_map(|place| known.iter().find(|backend| backend.id == place.backend_id))
            .map(|backend| backend.name.as_str())
            .collect();
        assert_eq!(names, ["c", "a", "b"]);
    }

    #[test]
    fn a_refusal_counts_the_reasons() {
        let known = [
            backend("a", 50.0, &[Condition::Frozen]),
            backend("b", 1.0, &[]),
            backend("c", 1.0, &[]),
        ];
        assert!(weighed_placements(&known, &wanted(5), weights(1.0, 0.0)).is_empty());
        let error = no_valid_backend(&known, &wanted(5));
        assert_eq!(
            error.message(),
            "No valid backend was found: 3 backends: 1 frozen, 2 with insufficient capacity."
        );
        assert_eq!(error.kind(), model::ErrorKind::BadRequest);
    }

    #[test]
    fn when_all_are_down_waiting_helps() {
        let known = [backend("a", 50.0, &[Condition::Down])];
        assert_eq!(no_valid_backend(&known, &wanted(5)).kind(), model::ErrorKind::Unavailable);
    }

    #[test]
    fn a_volume_stays_where_it_is_if_that_fits_and_it_may() {
        let known = [backend("a", 10.0, &[]), backend("b", 50.0, &[])];
        let from = |may_stay: bool, may_leave: bool| PlacementRequest {
            origin: Some(Origin {
                backend_id: known[0].id,
                pool: "pool".to_owned(),
                may_stay,
                may_leave,
            }),
            // it is there already, however full that is
            ..wanted(20)
        };
        let places = |wanted: &PlacementRequest| {
            let ranked = weighed_placements(&known, wanted, weights(1.0, 0.0)).into_iter();
            ranked.map(|place| place.backend_id).collect::<Vec<_>>()
        };
        assert_eq!(places(&from(true, true)), [known[0].id, known[1].id]);
        assert_eq!(places(&from(true, false)), [known[0].id]);
        assert_eq!(places(&from(false, true)), [known[1].id]);
        assert!(places(&from(false, false)).is_empty());
        let error = no_valid_backend(&known, &from(false, false));
        assert_eq!(
            error.message(),
            "No valid backend was found: 2 backends: 1 already holding the volume, 1 excluded by the migration \
             policy."
        );
    }

    #[test]
    fn a_zone_is_kept() {
        let known = [backend("a", 50.0, &[])];
        let elsewhere =
            PlacementRequest { availability_zone: Some("elsewhere".to_owned()), ..wanted(1) };
        assert!(weighed_placements(&known, &elsewhere, weights(1.0, 0.0)).is_empty());
        assert!(
            no_valid_backend(&known, &elsewhere)
                .message()
                .contains("1 in another availability zone")
        );
        for (zones, fits) in [("nova", true), ("x, nova", true), ("x,y", false)] {
            let key = "RESKEY:availability_zones".to_owned();
            let extra_specs = [(key, zones.to_owned())].into_iter().collect();
            let of_type = PlacementRequest { extra_specs, ..wanted(1) };
            assert_eq!(
                weighed_placements(&known, &of_type, weights(1.0, 0.0)).len() == 1,
                fits,
                "{zones}"
            );
        }
    }
}
