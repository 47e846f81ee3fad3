//! The codec of the crate `kafka-protocol`, by the names of the messages.

use bytes::{Bytes, BytesMut};
use grete_protocol::wire::Versions;
use kafka_protocol::protocol::{Decodable, Encodable, Message};
use std::collections::BTreeMap;

/// Their codec behind function pointers.
pub(crate) struct Theirs {
    pub(crate) versions: Versions,
    /// Decodes and encodes again; the error is theirs, or says that bytes are left.
    pub(crate) repeat: fn(&[u8], i16) -> Result<Vec<u8>, String>,
}

fn repeat<M: Decodable + Encodable>(bytes: &[u8], version: i16) -> Result<Vec<u8>, String> {
    let mut input = Bytes::copy_from_slice(bytes);
    let message = M::decode(&mut input, version).map_err(|error| error.to_string())?;
    if !input.is_empty() {
        return Err(format!("{} bytes are left", input.len()));
    }
    let mut output = BytesMut::new();
    message.encode(&mut output, version).map_err(|error| error.to_string())?;
    Ok(output.to_vec())
}

macro_rules! theirs {
    ($($name:ident)*) => {
        BTreeMap::from([$((
            stringify!($name),
            Theirs {
                versions: {
                    let range = <kafka_protocol::messages::$name as Message>::VERSIONS;
                    Versions { min: range.min, max: range.max }
                },
                repeat: repeat::<kafka_protocol::messages::$name>,
            },
        )),*])
    };
}

/// All of their codecs, by the names of the messages.
pub(crate) fn theirs() -> BTreeMap<&'static str, Theirs> {
    theirs! {
        AddOffsetsToTxnRequest AddOffsetsToTxnResponse AddPartitionsToTxnRequest AddPartitionsToTxnResponse
        AddRaftVoterRequest AddRaftVoterResponse AllocateProducerIdsRequest AllocateProducerIdsResponse
        AlterClientQuotasRequest AlterClientQuotasResponse AlterConfigsRequest AlterConfigsResponse
        AlterPartitionReassignmentsRequest AlterPartitionReassignmentsResponse AlterPartitionRequest
        AlterPartitionResponse AlterReplicaLogDirsRequest AlterReplicaLogDirsResponse AlterShareGroupOffsetsRequest
        AlterShareGroupOffsetsResponse AlterUserScramCredentialsRequest AlterUserScramCredentialsResponse
        ApiVersionsRequest ApiVersionsResponse AssignReplicasToDirsRequest AssignReplicasToDirsResponse
        BeginQuorumEpochRequest BeginQuorumEpochResponse BrokerHeartbeatRequest BrokerHeartbeatResponse
        BrokerRegistrationRequest BrokerRegistrationResponse ConsumerGroupDescribeRequest
        ConsumerGroupDescribeResponse ConsumerGroupHeartbeatRequest ConsumerGroupHeartbeatResponse
        ConsumerProtocolAssignment ConsumerProtocolSubscription ControllerRegistrationRequest
        ControllerRegistrationResponse CreateAclsRequest CreateAclsResponse CreateDelegationTokenRequest
        CreateDelegationTokenResponse CreatePartitionsRequest CreatePartitionsResponse CreateTopicsRequest
        CreateTopicsResponse DefaultPrincipalData DeleteAclsRequest DeleteAclsResponse DeleteGroupsRequest
        DeleteGroupsResponse DeleteRecordsRequest DeleteRecordsResponse DeleteShareGroupOffsetsRequest
        DeleteShareGroupOffsetsResponse DeleteShareGroupStateRequest DeleteShareGroupStateResponse DeleteTopicsRequest
        DeleteTopicsResponse DescribeAclsRequest DescribeAclsResponse DescribeClientQuotasRequest
        DescribeClientQuotasResponse DescribeClusterRequest DescribeClusterResponse DescribeConfigsRequest
        DescribeConfigsResponse DescribeDelegationTokenRequest DescribeDelegationTokenResponse DescribeGroupsRequest
        DescribeGroupsResponse DescribeLogDirsRequest DescribeLogDirsResponse DescribeProducersRequest
        DescribeProducersResponse DescribeQuorumRequest DescribeQuorumResponse DescribeShareGroupOffsetsRequest
        DescribeShareGroupOffsetsResponse DescribeTopicPartitionsRequest DescribeTopicPartitionsResponse
        DescribeTransactionsRequest DescribeTransactionsResponse DescribeUserScramCredentialsRequest
        DescribeUserScramCredentialsResponse ElectLeadersRequest ElectLeadersResponse EndQuorumEpochRequest
        EndQuorumEpochResponse EndTxnMarker EndTxnRequest EndTxnResponse EnvelopeRequest EnvelopeResponse
        ExpireDelegationTokenRequest ExpireDelegationTokenResponse FetchRequest FetchResponse FetchSnapshotRequest
        FetchSnapshotResponse FindCoordinatorRequest FindCoordinatorResponse GetTelemetrySubscriptionsRequest
        GetTelemetrySubscriptionsResponse HeartbeatRequest HeartbeatResponse IncrementalAlterConfigsRequest
        IncrementalAlterConfigsResponse InitProducerIdRequest InitProducerIdResponse InitializeShareGroupStateRequest
        InitializeShareGroupStateResponse JoinGroupRequest JoinGroupResponse KRaftVersionRecord LeaderChangeMessage
        LeaveGroupRequest LeaveGroupResponse ListConfigResourcesRequest ListConfigResourcesResponse ListGroupsRequest
        ListGroupsResponse ListOffsetsRequest ListOffsetsResponse ListPartitionReassignmentsRequest
        ListPartitionReassignmentsResponse ListTransactionsRequest ListTransactionsResponse MetadataRequest
        MetadataResponse OffsetCommitRequest OffsetCommitResponse OffsetDeleteRequest OffsetDeleteResponse
        OffsetFetchRequest OffsetFetchResponse OffsetForLeaderEpochRequest OffsetForLeaderEpochResponse ProduceRequest
        ProduceResponse PushTelemetryRequest PushTelemetryResponse ReadShareGroupStateRequest
        ReadShareGroupStateResponse ReadShareGroupStateSummaryRequest ReadShareGroupStateSummaryResponse
        RemoveRaftVoterRequest RemoveRaftVoterResponse RenewDelegationTokenRequest RenewDelegationTokenResponse
        RequestHeader ResponseHeader SaslAuthenticateRequest SaslAuthenticateResponse SaslHandshakeRequest
        SaslHandshakeResponse ShareAcknowledgeRequest ShareAcknowledgeResponse ShareFetchRequest ShareFetchResponse
        ShareGroupDescribeRequest ShareGroupDescribeResponse ShareGroupHeartbeatRequest ShareGroupHeartbeatResponse
        SnapshotFooterRecord SnapshotHeaderRecord SyncGroupRequest SyncGroupResponse TxnOffsetCommitRequest
        TxnOffsetCommitResponse UnregisterBrokerRequest UnregisterBrokerResponse UpdateFeaturesRequest
        UpdateFeaturesResponse UpdateRaftVoterRequest UpdateRaftVoterResponse VoteRequest VoteResponse VotersRecord
        WriteShareGroupStateRequest WriteShareGroupStateResponse WriteTxnMarkersRequest WriteTxnMarkersResponse
    }
}
