//! AlterConfigs (KIP-133) and IncrementalAlterConfigs (KIP-339): the first names all that is to be set, the second what
//! changes.

use super::answered;
use crate::api::front::{Refusal, Request};
use crate::controller::{Alteration, Change, ConfigOperation, Controller, Decision, TopicRefusal};
use crate::metadata::ConfigResource;
use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use grete_protocol::ErrorCode;
use grete_protocol::messages::alter_configs_request::AlterConfigsRequest;
use grete_protocol::messages::alter_configs_response::{self, AlterConfigsResponse};
use grete_protocol::messages::incremental_alter_configs_request::IncrementalAlterConfigsRequest;
use grete_protocol::messages::incremental_alter_configs_response::{self, IncrementalAlterConfigsResponse};
use grete_protocol::wire::Message;

/// Decides on an AlterConfigs.
pub(super) fn decide(controller: &Controller, request: &Request) -> Result<Decision, Refusal> {
    let body = AlterConfigsRequest::decode(&mut request.decoder(), request.version)?;
    let alterations: Vec<Alteration> = body
        .resources
        .iter()
        .map(|resource| Alteration {
            resource: named(resource.resource_type, &resource.resource_name),
            changes: resource
                .configs
                .iter()
                .map(|config| change(&config.name, Some(ConfigOperation::Set), config.value.as_deref()))
                .collect(),
            replaces: true,
        })
        .collect();
    let (records, results) = controller.alter_configs(&alterations);
    let responses = alterations.iter().zip(results).map(|(alteration, result)| {
        let (error_code, error_message) = told(result);
        alter_configs_response::AlterConfigsResourceResponse {
            error_code,
            error_message,
            resource_type: alteration.resource.kind,
            resource_name: Cow::Borrowed(&alteration.resource.name),
            ..Default::default()
        }
    });
    let response = AlterConfigsResponse { responses: responses.collect(), ..Default::default() };
    let decided = answered(request, &response)?;
    Ok(Decision { records: if body.validate_only { Vec::new() } else { records }, decided })
}

/// Decides on an IncrementalAlterConfigs.
pub(super) fn decide_incremental(controller: &Controller, request: &Request) -> Result<Decision, Refusal> {
    let body = IncrementalAlterConfigsRequest::decode(&mut request.decoder(), request.version)?;
    let alterations: Vec<Alteration> = body
        .resources
        .iter()
        .map(|resource| Alteration {
            resource: named(resource.resource_type, &resource.resource_name),
            changes: resource
                .configs
                .iter()
                .map(|config| {
                    let operation = ConfigOperation::from_number(config.config_operation);
                    change(&config.name, operation, config.value.as_deref())
                })
                .collect(),
            replaces: false,
        })
        .collect();
    let (records, results) = controller.alter_configs(&alterations);
    let responses = alterations.iter().zip(results).map(|(alteration, result)| {
        let (error_code, error_message) = told(result);
        incremental_alter_configs_response::AlterConfigsResourceResponse {
            error_code,
            error_message,
            resource_type: alteration.resource.kind,
            resource_name: Cow::Borrowed(&alteration.resource.name),
            ..Default::default()
        }
    });
    let response = IncrementalAlterConfigsResponse { responses: responses.collect(), ..Default::default() };
    let decided = answered(request, &response)?;
    Ok(Decision { records: if body.validate_only { Vec::new() } else { records }, decided })
}

fn named(kind: i8, name: &str) -> ConfigResource {
    ConfigResource { kind, name: name.into() }
}

fn change(name: &str, operation: Option<ConfigOperation>, value: Option<&str>) -> Change {
    Change { name: name.into(), operation, value: value.map(String::from) }
}

fn told(result: Result<(), TopicRefusal>) -> (i16, Option<Cow<'static, str>>) {
    match result {
        Ok(()) => (ErrorCode::None.code(), None),
        Err(refusal) => {
            let default = || Cow::Borrowed(refusal.error.message());
            (refusal.error.code(), Some(refusal.message.clone().map_or_else(default, Cow::Owned)))
        }
    }
}
