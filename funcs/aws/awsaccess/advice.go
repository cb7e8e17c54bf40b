package awsaccess

import (
	"fmt"
	"slices"
	"strings"
)

// advice says how to go on after an error. The codes are those that the references of
// EC2, RDS and STS document.
func (a *Account) advice(e *Error) string {
	for _, known := range []struct {
		is   func(code string) bool
		text string
	}{
		{throttled, fmt.Sprintf("the account asks AWS too often, and %d attempts have not been enough: try again later, or give the phase a retry", a.Config.RetryMaxAttempts)},
		{isDenied, fmt.Sprintf("allow %s:%s to %s", e.Service, e.Operation, a.Source)},
		{isExpired, "the credentials have expired, renew them: they are of " + a.Source},
		{isUnknownKey, "AWS does not accept the credentials: they are of " + a.Source},
		{isQuota, "a quota of the account is used up: delete what is not needed any more, or raise it in AWS's Service Quotas"},
		{isNotFound, "is it of this account and this region? The credentials are of " + a.Source},
		{isWrongState, "it is in another state than that needs: wait until AWS is done with it, and try again"},
		{isNoRoom, "AWS has no room for it in that zone now: try again later"},
		{isInside, "the fault is AWS's: try again later, or give the phase a retry"},
	} {
		if known.is(e.Code) {
			return known.text
		}
	}
	return ""
}

func oneOf(codes ...string) func(string) bool {
	return func(code string) bool { return slices.Contains(codes, code) }
}

var (
	isDenied     = oneOf("UnauthorizedOperation", "AccessDenied", "AccessDeniedException", "NotAuthorized", "Client.UnauthorizedOperation")
	isExpired    = oneOf("ExpiredToken", "ExpiredTokenException", "RequestExpired")
	isUnknownKey = oneOf("AuthFailure", "InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch", "InvalidAccessKeyId", "IncompleteSignature", "MissingAuthenticationToken", "OptInRequired")
	isNoRoom     = oneOf("InsufficientVolumeCapacity", "InsufficientDBInstanceCapacity", "InsufficientDBClusterCapacityFault", "InsufficientStorageClusterCapacity", "InsufficientCapacity")
	isInside     = oneOf("InternalError", "InternalFailure", "ServiceUnavailable", "Unavailable", "ServerInternal")
)

// isQuota finds RDS's QuotaExceeded and EC2's LimitExceeded in all their forms. Those
// that mean too many requests were found before.
func isQuota(code string) bool {
	code = strings.TrimSuffix(code, "Fault")
	return strings.HasSuffix(code, "QuotaExceeded") || strings.HasSuffix(code, "LimitExceeded")
}

func isNotFound(code string) bool {
	return strings.HasSuffix(strings.TrimSuffix(code, "Fault"), "NotFound")
}

// isWrongState finds IncorrectState of EC2, and InvalidDBInstanceState of RDS.
func isWrongState(code string) bool {
	code = strings.TrimSuffix(code, "Fault")
	return strings.HasSuffix(code, "State") || strings.HasSuffix(code, ".InUse") || code == "VolumeInUse"
}
