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
use grete_protocol::messages::MetadataRecord;
use grete_protocol::messages::alter_configs_request::AlterConfigsRequest;
use grete_protocol::messages::alter_configs_response::{self, AlterConfigsResponse};
use grete_protocol::messages::incremental_alter_configs_request::IncrementalAlterConfigsRequest;
use grete_protocol::messages::incremental_alter_configs_response::{self, IncrementalAlterConfigsResponse};
use grete_protocol::wire::Message;

/// Decides on an AlterConfigs.
pub(super) fn decide(controller: &Controller, request: &Request) -> Result<Decision, Refusal> {
    let body = AlterConfigsRequest::decode(&mut request.decoder(), request.version)?;
    let alterations = body.resources.iter().map(|resource| Alteration {
        resource: named(resource.resource_type, &resource.resource_name),
        changes: Vec::from_iter(
            resource.configs.iter().map(|one| change(&one.name, Some(ConfigOperation::Set), one.value.as_deref())),
        ),
        replaces: true,
    });
    let altered = Altered::decide(controller, alterations.collect(), body.validate_only);
    let responses = altered.results.into_iter().map(|result| alter_configs_response::AlterConfigsResourceResponse {
        error_code: result.error.code(),
        error_message: result.message,
        resource_type: result.resource.kind,
        resource_name: String::from(&*result.resource.name).into(),
        ..Default::default()
    });
    let response = AlterConfigsResponse { responses: responses.collect(), ..Default::default() };
    Ok(Decision { records: altered.records, decided: answered(request, &response)? })
}

/// Decides on an IncrementalAlterConfigs.
pub(super) fn decide_incremental(controller: &Controller, request: &Request) -> Result<Decision, Refusal> {
    let body = IncrementalAlterConfigsRequest::decode(&mut request.decoder(), request.version)?;
    let alterations =
        body.resources.iter().map(|resource| Alteration {
            resource: named(resource.resource_type, &resource.resource_name),
            changes: Vec::from_iter(resource.configs.iter().map(|one| {
                change(&one.name, ConfigOperation::from_number(one.config_operation), one.value.as_deref())
            })),
            replaces: false,
        });
    let altered = Altered::decide(controller, alterations.collect(), body.validate_only);
    let responses =
        altered.results.into_iter().map(|result| incremental_alter_configs_response::AlterConfigsResourceResponse {
            error_code: result.error.code(),
            error_message: result.message,
            resource_type: result.resource.kind,
            resource_name: String::from(&*result.resource.name).into(),
            ..Default::default()
        });
    let response = IncrementalAlterConfigsResponse { responses: responses.collect(), ..Default::default() };
    Ok(Decision { records: altered.records, decided: answered(request, &response)? })
}

/// What was decided, in the words of neither API.
struct Altered {
    records: Vec<MetadataRecord<'static>>,
    /// In the order of the request.
    results: Vec<AlteredResource>,
}

struct AlteredResource {
    resource: ConfigResource,
    error: ErrorCode,
    message: Option<Cow<'static, str>>,
}

impl Altered {
    fn decide(controller: &Controller, alterations: Vec<Alteration>, validate_only: bool) -> Self {
        let (records, results) = controller.alter_configs(&alterations);
        let results = alterations.into_iter().zip(results).map(|(Alteration { resource, .. }, result)| match result {
            Ok(()) => AlteredResource { resource, error: ErrorCode::None, message: None },
            Err(TopicRefusal { error, message }) => {
                let message = message.map_or(Cow::Borrowed(error.message()), Cow::Owned);
                AlteredResource { resource, error, message: Some(message) }
            }
        });
        Self { results: results.collect(), records: if validate_only { Vec::new() } else { records } }
    }
}

fn named(kind: i8, name: &str) -> ConfigResource {
    ConfigResource { kind, name: name.into() }
}

fn change(name: &str, operation: Option<ConfigOperation>, value: Option<&str>) -> Change {
    Change { name: name.into(), operation, value: value.map(String::from) }
}
