package ebstest

import (
	"maps"
	"slices"
	"strings"

	"github.com/rescuecue/rescue/funcs/aws/awstest"
)

type volumeItem struct {
	ID          string    `xml:"volumeId"`
	Size        int32     `xml:"size"`
	SnapshotID  string    `xml:"snapshotId"`
	Zone        string    `xml:"availabilityZone"`
	Status      string    `xml:"status"`
	Type        string    `xml:"volumeType"`
	IOPS        int32     `xml:"iops,omitempty"`
	Throughput  int32     `xml:"throughput,omitempty"`
	Encrypted   bool      `xml:"encrypted"`
	KMSKey      string    `xml:"kmsKeyId,omitempty"`
	MultiAttach bool      `xml:"multiAttachEnabled"`
	Tags        []tagItem `xml:"tagSet>item"`
}

func itemOf(v *Volume) volumeItem {
	return volumeItem{
		ID: v.ID, Size: v.Size, SnapshotID: v.SnapshotID, Zone: v.Zone, Status: v.State, Type: v.Type, IOPS: v.IOPS,
		Throughput: v.Throughput, Encrypted: v.Encrypted, KMSKey: v.KMSKey, MultiAttach: v.MultiAttach, Tags: tagItems(v.Tags),
	}
}

// creation is what was made with a client token, and of which parameters.
type creation struct {
	volume Volume
	asked  string
}

// asked writes the parameters that a token stands for.
func asked(c *awstest.Call) string {
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(c.Form)) {
		b.WriteString(key + "=" + c.Get(key) + "\n")
	}
	return b.String()
}

func (e *EC2) createVolume(c *awstest.Call) (any, error) {
	token := c.Get("ClientToken")
	if before, ok := e.tokens[token]; ok && token != "" {
		if before.asked != asked(c) {
			return nil, refuse("IdempotentParameterMismatch", "The client token you have provided is associated with a resource that was created with different parameters.")
		}
		return itemOf(&before.volume), nil
	}
	v, err := e.volumeOf(c)
	if err != nil {
		return nil, err
	}
	e.volumes[v.ID] = v
	e.tokens[token] = creation{*v, asked(c)}
	return itemOf(v), nil
}

// volumeOf makes the volume that a request asks for.
func (e *EC2) volumeOf(c *awstest.Call) (*Volume, error) {
	s := e.snapshots[c.Get("SnapshotId")]
	tags, err := newTags(c, "volume")
	if err != nil {
		return nil, err
	}
	zone, most := c.Get("AvailabilityZone"), e.behaviour.MostVolumes
	switch {
	case !slices.Contains(zones(c.Region), zone) || slices.Contains(e.behaviour.ClosedZones, zone):
		return nil, refuse("InvalidZone.NotFound", "The zone '%s' does not exist.", zone)
	case s == nil || s.Region != c.Region:
		return nil, refuse("InvalidSnapshot.NotFound", "The snapshot '%s' does not exist.", c.Get("SnapshotId"))
	case s.State != "completed":
		return nil, refuse("IncorrectState", "Snapshot is in invalid state - %s", s.State)
	case most > 0 && len(e.volumes) >= most:
		return nil, refuse("VolumeLimitExceeded", "Maximum number of active volumes, %d, exceeded.", most)
	}
	v := &Volume{
		ID: e.newID("vol"), Region: c.Region, Zone: zone, SnapshotID: s.ID, Size: s.Size, Type: c.Get("VolumeType"),
		Encrypted: s.Encrypted || c.Bool("Encrypted"), KMSKey: s.KMSKey, MultiAttach: c.Bool("MultiAttachEnabled"),
		State: "creating", Tags: tags, left: e.behaviour.Steps, blind: e.behaviour.Blind,
	}
	return v, e.speed(c, v)
}

// speed checks IOPS and throughput, as AWS does for each type.
func (e *EC2) speed(c *awstest.Call, v *Volume) (err error) {
	if v.IOPS, err = c.Int("Iops"); err != nil {
		return err
	}
	if v.Throughput, err = c.Int("Throughput"); err != nil {
		return err
	}
	if v.Type == "" {
		v.Type = "gp2"
	}
	io := v.Type == "io1" || v.Type == "io2"
	switch {
	case !slices.Contains([]string{"gp2", "gp3", "io1", "io2", "st1", "sc1", "standard"}, v.Type):
		return refuse("UnknownVolumeType", "Unsupported volume type '%s' for volume creation.", v.Type)
	case io && v.IOPS == 0:
		return refuse("MissingParameter", "The request must contain the parameter iops for volumes of type %s", v.Type)
	case !io && v.Type != "gp3" && v.IOPS > 0, v.Type != "gp3" && v.Throughput > 0:
		return refuse("InvalidParameterCombination", "The parameter iops or throughput is not supported for %s volumes.", v.Type)
	case v.MultiAttach && !io:
		return refuse("InvalidParameterCombination", "Multi-Attach is only supported for io1 and io2 volumes.")
	}
	if v.Type == "gp3" && v.IOPS == 0 {
		v.IOPS = 3000
	}
	if v.Type == "gp3" && v.Throughput == 0 {
		v.Throughput = 125
	}
	return nil
}

type describeVolumesReply struct {
	Volumes   []volumeItem `xml:"volumeSet>item"`
	NextToken string       `xml:"nextToken,omitempty"`
}

func (e *EC2) describeVolumes(c *awstest.Call) (any, error) {
	ids, items := c.List("VolumeId"), []volumeItem{}
	for _, id := range ids {
		if v := e.volumes[id]; v == nil || v.Region != c.Region || unseen(&v.blind) {
			return nil, refuse("InvalidVolume.NotFound", "The volume '%s' does not exist.", id)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(e.volumes)) {
		v := e.volumes[id]
		if v.Region != c.Region || len(ids) > 0 && !slices.Contains(ids, id) {
			continue
		}
		if unseen(&v.blind) {
			continue
		}
		ok, err := matches(c, map[string]string{"snapshot-id": v.SnapshotID, "status": v.State}, v.Tags)
		if err != nil {
			return nil, err
		}
		if ok {
			items = append(items, itemOf(v))
			e.stepVolume(v)
		}
	}
	page, next, err := pageOf(e.behaviour.PageSize, c, items, ids)
	return describeVolumesReply{page, next}, err
}

// stepVolume lets time pass.
func (e *EC2) stepVolume(v *Volume) {
	switch {
	case v.State != "creating":
	case v.left > 0:
		v.left--
	case e.behaviour.FailVolumes:
		v.State = "error"
	default:
		v.State = "available"
	}
}

func (e *EC2) deleteVolume(c *awstest.Call) (any, error) {
	v := e.volumes[c.Get("VolumeId")]
	switch {
	case v == nil || v.Region != c.Region || unseen(&v.blind):
		return nil, refuse("InvalidVolume.NotFound", "The volume '%s' does not exist.", c.Get("VolumeId"))
	case v.State == "in-use":
		return nil, refuse("VolumeInUse", "Volume %s is currently attached to i-0123456789abcdef0", v.ID)
	}
	delete(e.volumes, v.ID)
	return struct {
		Return bool `xml:"return"`
	}{true}, nil
}
