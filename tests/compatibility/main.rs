//! Cinder's wire: bad input, versions, paging, and the real clients.

mod bad_input;
mod glance;
mod hostile_input;
mod identity;
mod keystone;
mod log_levels;
mod nova;
mod older_views;
mod openstack_client;
mod paging;
mod policy;
mod python_cinderclient;
mod request_ids;
mod shapes;
mod tempest_schemas;
mod versions;
mod what_backends_offer;
