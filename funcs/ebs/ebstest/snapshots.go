package ebstest

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/rescuecue/rescue/funcs/aws/awstest"
)

type tagItem struct {
	Key   string `xml:"key"`
	Value string `xml:"value"`
}

func tagItems(tags map[string]string) []tagItem {
	var items []tagItem
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		items = append(items, tagItem{key, tags[key]})
	}
	return items
}

type snapshotItem struct {
	ID          string    `xml:"snapshotId"`
	VolumeID    string    `xml:"volumeId"`
	Status      string    `xml:"status"`
	Message     string    `xml:"statusMessage,omitempty"`
	Progress    string    `xml:"progress"`
	StartTime   string    `xml:"startTime"`
	OwnerID     string    `xml:"ownerId"`
	Size        int32     `xml:"volumeSize"`
	Description string    `xml:"description"`
	Encrypted   bool      `xml:"encrypted"`
	KMSKey      string    `xml:"kmsKeyId,omitempty"`
	Tags        []tagItem `xml:"tagSet>item"`
}

func (e *EC2) item(s *Snapshot) snapshotItem {
	progress := "100%"
	if s.State == "pending" {
		progress = fmt.Sprintf("%d%%", 100-100*s.left/(max(e.behaviour.Steps, s.left)+1))
	}
	return snapshotItem{
		ID: s.ID, VolumeID: s.VolumeID, Status: s.State, Message: s.Message, Progress: progress,
		StartTime: s.started.UTC().Format("2006-01-02T15:04:05.000Z"), OwnerID: "123456789012", Size: s.Size,
		Description: s.Description, Encrypted: s.Encrypted, KMSKey: s.KMSKey, Tags: tagItems(s.Tags),
	}
}

// mostPending is how many snapshots of a volume may be under way at a time.
const mostPending = 5

func (e *EC2) createSnapshot(c *awstest.Call) (any, error) {
	v := e.volumes[c.Get("VolumeId")]
	tags, err := newTags(c, "snapshot")
	pending := 0
	for _, s := range e.snapshots {
		if s.VolumeID == c.Get("VolumeId") && s.State == "pending" {
			pending++
		}
	}
	most := e.behaviour.MostSnapshots
	switch {
	case err != nil:
		return nil, err
	case v == nil || v.Region != c.Region:
		return nil, refuse("InvalidVolume.NotFound", "The volume '%s' does not exist.", c.Get("VolumeId"))
	case v.State != "in-use" && v.State != "available":
		return nil, refuse("IncorrectState", "Volume '%s' is in the '%s' state.", v.ID, v.State)
	case pending >= mostPending:
		return nil, refuse("ConcurrentSnapshotLimitExceeded", "Maximum allowed in-progress snapshots for a single volume exceeded.")
	case most > 0 && len(e.snapshots) >= most:
		return nil, refuse("SnapshotLimitExceeded", "The number of snapshots exceeds the limit of %d.", most)
	}
	s := &Snapshot{
		ID: e.newID("snap"), Region: c.Region, VolumeID: v.ID, Size: v.Size, Encrypted: v.Encrypted, KMSKey: v.KMSKey,
		State: "pending", Description: c.Get("Description"), Tags: tags, started: time.Now(),
		left: e.behaviour.Steps, blind: e.behaviour.Blind,
	}
	e.snapshots[s.ID] = s
	return e.item(s), nil
}

type describeSnapshotsReply struct {
	Snapshots []snapshotItem `xml:"snapshotSet>item"`
	NextToken string         `xml:"nextToken,omitempty"`
}

func (e *EC2) describeSnapshots(c *awstest.Call) (any, error) {
	ids, items := c.List("SnapshotId"), []snapshotItem{}
	for _, id := range ids {
		if s := e.snapshots[id]; s == nil || s.Region != c.Region || unseen(&s.blind) {
			return nil, refuse("InvalidSnapshot.NotFound", "The snapshot '%s' does not exist.", id)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(e.snapshots)) {
		s := e.snapshots[id]
		if s.Region != c.Region || len(ids) > 0 && !slices.Contains(ids, id) {
			continue
		}
		if unseen(&s.blind) {
			continue
		}
		ok, err := matches(c, map[string]string{"volume-id": s.VolumeID, "status": s.State}, s.Tags)
		if err != nil {
			return nil, err
		}
		if ok {
			items = append(items, e.item(s))
			e.stepSnapshot(s)
		}
	}
	page, next, err := e.page(c, items, ids)
	return describeSnapshotsReply{page, next}, err
}

// unseen tells whether what was just made does not show yet.
func unseen(blind *int) bool {
	if *blind == 0 {
		return false
	}
	*blind--
	return true
}

// stepSnapshot lets time pass.
func (e *EC2) stepSnapshot(s *Snapshot) {
	if s.State != "pending" {
		return
	}
	if s.left > 0 {
		s.left--
		return
	}
	s.State = "completed"
	if e.behaviour.FailSnapshots != "" {
		s.State, s.Message = "error", e.behaviour.FailSnapshots
	}
}

// page cuts a list. AWS takes no page size together with IDs.
func (e *EC2) page(c *awstest.Call, items []snapshotItem, ids []string) ([]snapshotItem, string, error) {
	return pageOf(e.behaviour.PageSize, c, items, ids)
}

func pageOf[T any](size int32, c *awstest.Call, items []T, ids []string) ([]T, string, error) {
	if len(ids) > 0 && c.Has("MaxResults") {
		return nil, "", refuse("InvalidParameterCombination", "The parameter MaxResults cannot be used with IDs.")
	}
	if asked, err := c.Int("MaxResults"); err != nil {
		return nil, "", err
	} else if asked > 0 {
		size = asked
	}
	return awstest.Page(items, c.Get("NextToken"), size)
}

func (e *EC2) deleteSnapshot(c *awstest.Call) (any, error) {
	s := e.snapshots[c.Get("SnapshotId")]
	switch {
	case s == nil || s.Region != c.Region || unseen(&s.blind):
		return nil, refuse("InvalidSnapshot.NotFound", "The snapshot '%s' does not exist.", c.Get("SnapshotId"))
	case s.Image:
		return nil, refuse("InvalidSnapshot.InUse", "The snapshot %s is currently in use by ami-0123456789abcdef0", s.ID)
	}
	delete(e.snapshots, s.ID)
	return struct {
		Return bool `xml:"return"`
	}{true}, nil
}
