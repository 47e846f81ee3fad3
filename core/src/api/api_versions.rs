//! ApiVersions: what this listener speaks (KIP-35, KIP-511), and the cluster's features (KIP-584).

use super::front::{Front, Next, Refusal, Request, encode};
use super::table::served_on;
use super::{Begun, Gather};
use crate::node::ListenerRole;
use grete_protocol::messages::api_versions_request::ApiVersionsRequest;
use grete_protocol::messages::api_versions_response::{ApiVersion, ApiVersionsResponse};
use grete_protocol::wire::Message;
use grete_protocol::{ApiKey, ErrorCode};

/// The first version whose clients can read of a feature that it begins at level 0 (KIP-1022).
const FEATURES_FROM_ZERO: i16 = 4;

/// Answers an ApiVersions.
pub(crate) fn begin(front: &mut Front<'_>, mut request: Request) -> Begun {
    if !ApiVersionsRequest::VERSIONS.contains(request.version) || request.version > newest(front.role()) {
        // KIP-511: in version 0, with the versions of this API alone, so that the client can ask again.
        request.version = 0;
        let response = ApiVersionsResponse {
            error_code: ErrorCode::UnsupportedVersion.code(),
            api_keys: served_on(front.role()).filter(|api| api.key == request.api).map(entry).collect(),
            ..Default::default()
        };
        return answer(&request, &response);
    }
    let body = ApiVersionsRequest::decode(&mut request.decoder(), request.version)?;
    if request.version >= 3 && !(is_name(&body.client_software_name) && is_name(&body.client_software_version)) {
        let response = ApiVersionsResponse { error_code: ErrorCode::InvalidRequest.code(), ..Default::default() };
        return answer(&request, &response);
    }
    let mut response =
        ApiVersionsResponse { api_keys: served_on(front.role()).map(entry).collect(), ..Default::default() };
    front.image.features.describe(&mut response, 1);
    response.supported_features.retain(|feature| is_told(request.version, feature.min_version));
    answer(&request, &response)
}

fn is_told(version: i16, feature_min: i16) -> bool {
    version >= FEATURES_FROM_ZERO || feature_min > 0
}

fn newest(role: ListenerRole) -> i16 {
    super::table::find(ApiKey::ApiVersions, role).map_or(0, |api| api.versions.max)
}

fn entry(api: &super::Api) -> ApiVersion {
    ApiVersion {
        api_key: api.key as i16,
        min_version: api.versions.min,
        max_version: api.versions.max,
        ..Default::default()
    }
}

fn answer(request: &Request, response: &ApiVersionsResponse<'_>) -> Begun {
    Ok((Gather::Answered, Next::Answer(encode(request, response).map_err(Refusal::Encode)?)))
}

/// KIP-511: a letter or digit, then letters, digits, `-` and `.`, not ending in one of the last two.
fn is_name(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    let outer = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    name.chars().all(inner) && outer(name.chars().next()) && outer(name.chars().next_back())
}

#[cfg(test)]
mod tests {
    use super::{is_name, is_told};

    #[test]
    fn features_that_begin_at_zero_are_told_to_whoever_can_read_that() {
        assert!(is_told(3, 7) && is_told(4, 7) && is_told(4, 0));
        assert!(!is_told(3, 0));
    }

    #[test]
    fn software_names_are_plain() {
        assert!(["a", "apache-kafka-java", "4.3.1"].into_iter().all(is_name));
        assert!(!["", "-a", "a.", "a b", "é"].into_iter().any(is_name));
    }
}
