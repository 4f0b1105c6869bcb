package event

// The types of event that schema version 1 knows, by what they are about.
const (
	WorkspaceCreatedType Type = "workspace.created"

	SessionOpenedType Type = "session.opened"
	SessionJoinedType Type = "session.joined"
	SessionClosedType Type = "session.closed"

	SessionTokenIssuedType  Type = "session_token.issued"
	SessionTokenRevokedType Type = "session_token.revoked"

	ExecutionStartedType        Type = "execution.started"
	ExecutionRunningType        Type = "execution.running"
	ExecutionAttachedType       Type = "execution.attached"
	ExecutionDetachedType       Type = "execution.detached"
	ExecutionControlChangedType Type = "execution.control_changed"
	ExecutionRenamedType        Type = "execution.renamed"
	ExecutionInputType          Type = "execution.input"
	ExecutionResizedType        Type = "execution.resized"
	ExecutionSignalledType      Type = "execution.signalled"
	ExecutionCommandType        Type = "execution.command"
	ExecutionOutputType         Type = "execution.output"
	ExecutionSuspendedType      Type = "execution.suspended"
	ExecutionExitedType         Type = "execution.exited"
	ExecutionLostType           Type = "execution.lost"
	ExecutionRecoveredType      Type = "execution.recovered"

	WorkItemCreatedType        Type = "work_item.created"
	WorkItemClaimedType        Type = "work_item.claimed"
	WorkItemUpdatedType        Type = "work_item.updated"
	WorkItemBlockedType        Type = "work_item.blocked"
	WorkItemReadyForReviewType Type = "work_item.ready_for_review"
	WorkItemCompletedType      Type = "work_item.completed"
	WorkItemCanceledType       Type = "work_item.canceled"

	BranchCreatedType    Type = "branch.created"
	BranchUpdatedType    Type = "branch.updated"
	BranchRebasedType    Type = "branch.rebased"
	BranchPromotableType Type = "branch.promotable"
	BranchFrozenType     Type = "branch.frozen"
	BranchPromotedType   Type = "branch.promoted"
	BranchMergedType     Type = "branch.merged"
	BranchAbandonedType  Type = "branch.abandoned"

	CheckpointProposedType    Type = "checkpoint.proposed"
	CheckpointFinalizedType   Type = "checkpoint.finalized"
	CheckpointReopenedType    Type = "checkpoint.reopened"
	CheckpointThinnedType     Type = "checkpoint.thinned"
	CheckpointInvalidatedType Type = "checkpoint.invalidated"

	ApprovalRequestedType Type = "approval.requested"
	ApprovalGrantedType   Type = "approval.granted"
	ApprovalRejectedType  Type = "approval.rejected"
	ApprovalExpiredType   Type = "approval.expired"
	ApprovalWithdrawnType Type = "approval.withdrawn"
	ApprovalRescindedType Type = "approval.rescinded"
	ApprovalUsedType      Type = "approval.used"

	ArtifactRecordedType   Type = "artifact.recorded"
	ArtifactSupersededType Type = "artifact.superseded"
	TraceOpenedType        Type = "trace.opened"
	TraceClosedType        Type = "trace.closed"
	ToolCallStartedType    Type = "tool_call.started"
	ToolCallFinishedType   Type = "tool_call.finished"
	ToolCallFailedType     Type = "tool_call.failed"

	SuspicionRaisedType    Type = "suspicion.raised"
	SuspicionClearedType   Type = "suspicion.cleared"
	SuspicionWaivedType    Type = "suspicion.waived"
	SuspicionConfirmedType Type = "suspicion.confirmed"

	CoalitionFormedType       Type = "coalition.formed"
	CoalitionReconfiguredType Type = "coalition.reconfigured"
	CoalitionDissolvedType    Type = "coalition.dissolved"
	ActorEnrolledType         Type = "actor.enrolled"
	ActorRetiredType          Type = "actor.retired"
	ReplicaFencedType         Type = "replica.fenced"
	VotersChangedType         Type = "voters.changed"
	ControlRecoveredType      Type = "control.recovered"

	// RequestMadeType asks control for a record: its facts say which.
	RequestMadeType      Type = "request.made"
	RequestWithdrawnType Type = "request.withdrawn"

	BudgetGrantedType     Type = "authority_budget.granted"
	BudgetRevokedType     Type = "authority_budget.revoked"
	BudgetReservedType    Type = "authority_budget.reserved"
	BudgetConsumedType    Type = "authority_budget.consumed"
	BudgetReleasedType    Type = "authority_budget.released"
	BudgetTransferredType Type = "authority_budget.transferred"
	BudgetRefusedType     Type = "authority_budget.refused"
	PolicyChangedType     Type = "policy.changed"
	LabelRaisedType       Type = "label.raised"
	LabelDeclassifiedType Type = "label.declassified"
	LabelEndorsedType     Type = "label.endorsed"
	OverrideMadeType      Type = "override.made"

	ProtocolPublishedType Type = "protocol.published"
	HandoffStartedType    Type = "handoff.started"
	HandoffStepType       Type = "handoff.step"
	HandoffRefusedType    Type = "handoff.refused"
	HandoffCompletedType  Type = "handoff.completed"

	ViewDraftedType    Type = "view_definition.drafted"
	ViewPublishedType  Type = "view_definition.published"
	ViewDeprecatedType Type = "view_definition.deprecated"
	CanvasCreatedType  Type = "canvas.created"
	CardPlacedType     Type = "canvas.card_placed"
	CardChangedType    Type = "canvas.card_changed"
	CardRemovedType    Type = "canvas.card_removed"
	ArrowPlacedType    Type = "canvas.arrow_placed"
	ArrowChangedType   Type = "canvas.arrow_changed"
	ArrowRemovedType   Type = "canvas.arrow_removed"
)

// classes says of each known type what orders its events.
var classes = classesOf([]Type{
	WorkspaceCreatedType,
	BranchFrozenType, BranchPromotedType, BranchMergedType, BranchAbandonedType,
	CheckpointFinalizedType, CheckpointInvalidatedType,
	ApprovalGrantedType, ApprovalRejectedType, ApprovalExpiredType, ApprovalWithdrawnType, ApprovalRescindedType,
	CoalitionFormedType, CoalitionReconfiguredType, CoalitionDissolvedType, ActorEnrolledType, ActorRetiredType,
	ReplicaFencedType, VotersChangedType, ControlRecoveredType, RequestWithdrawnType,
	BudgetGrantedType, BudgetRevokedType, PolicyChangedType, LabelDeclassifiedType, LabelEndorsedType,
	ProtocolPublishedType, ViewPublishedType, ViewDeprecatedType,
}, []Type{
	SessionOpenedType, SessionJoinedType, SessionClosedType, SessionTokenIssuedType, SessionTokenRevokedType,
	ExecutionStartedType, ExecutionRunningType, ExecutionAttachedType, ExecutionDetachedType, ExecutionControlChangedType,
	ExecutionRenamedType, ExecutionInputType, ExecutionResizedType, ExecutionSignalledType, ExecutionCommandType,
	ExecutionOutputType, ExecutionSuspendedType, ExecutionExitedType, ExecutionLostType, ExecutionRecoveredType,
	WorkItemCreatedType, WorkItemClaimedType, WorkItemUpdatedType, WorkItemBlockedType, WorkItemReadyForReviewType,
	WorkItemCompletedType, WorkItemCanceledType,
	BranchCreatedType, BranchUpdatedType, BranchRebasedType, BranchPromotableType,
	CheckpointProposedType, CheckpointReopenedType, CheckpointThinnedType, ApprovalRequestedType, ApprovalUsedType,
	ArtifactRecordedType, ArtifactSupersededType, TraceOpenedType, TraceClosedType,
	ToolCallStartedType, ToolCallFinishedType, ToolCallFailedType,
	SuspicionRaisedType, SuspicionClearedType, SuspicionWaivedType, SuspicionConfirmedType, RequestMadeType,
	BudgetReservedType, BudgetConsumedType, BudgetReleasedType, BudgetTransferredType, BudgetRefusedType,
	LabelRaisedType, OverrideMadeType, HandoffStartedType, HandoffStepType, HandoffRefusedType, HandoffCompletedType,
	ViewDraftedType, CanvasCreatedType, CardPlacedType, CardChangedType, CardRemovedType,
	ArrowPlacedType, ArrowChangedType, ArrowRemovedType,
})

func classesOf(control, causal []Type) map[Type]Class {
	all := make(map[Type]Class, len(control)+len(causal))
	for _, t := range control {
		all[t] = Control
	}
	for _, t := range causal {
		all[t] = Causal
	}
	return all
}

// Known reports whether schema version 1 defines a type. An event of another
// type is opaque: kept and passed on, its meaning not understood.
func Known(t Type) bool { _, known := classes[t]; return known }

// ClassOf returns what orders the events of a type; 0 for one that is not known.
func ClassOf(t Type) Class { return classes[t] }
