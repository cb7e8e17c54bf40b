package rds

import (
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// Tags of this package's own, besides those that the caller gives: of these, the
// database that takes the place of another one must not have the one that marks what is
// temporary, or it would be cleaned up.
const (
	// TagSnapshot is the snapshot that a database was restored from.
	TagSnapshot = "rescue.dev/restored-from"
	// TagReplaced marks a database that a restore has moved out of the way; its value
	// is the name that it had.
	TagReplaced = "rescue.dev/replaced"
	// TagName is the name that an instance of a restored cluster takes in the end.
	TagName = "rescue.dev/takes-name"
)

// tagList turns tags into RDS's form, in a fixed order.
func tagList(tags map[string]string) []types.Tag {
	var list []types.Tag
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, types.Tag{Key: new(k), Value: new(tags[k])})
	}
	return list
}

func tagMap(list []types.Tag) map[string]string {
	tags := map[string]string{}
	for _, t := range list {
		tags[text(t.Key)] = text(t.Value)
	}
	return tags
}

// usersTags are the tags without those of this package and of AWS, which nobody else
// may set.
func usersTags(tags map[string]string) map[string]string {
	own := map[string]string{}
	for k, v := range tags {
		switch {
		case strings.HasPrefix(k, "rescue.dev/"), strings.HasPrefix(k, "aws:"):
		default:
			own[k] = v
		}
	}
	return own
}

// has tells whether tags has all of want, and want is not empty.
func has(tags, want map[string]string) bool {
	for k, v := range want {
		if tags[k] != v {
			return false
		}
	}
	return len(want) > 0
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// with joins tags; those of over win.
func with(tags, over map[string]string) map[string]string {
	all := maps.Clone(tags)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, over)
	return all
}
