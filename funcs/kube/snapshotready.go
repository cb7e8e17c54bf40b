package kube

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v8/apis/volumesnapshot/v1"
)

// passingLimit is how long an error may stand that is got over without help. It is
// long enough for nine attempts of the snapshotter, which doubles its pauses.
const passingLimit = 10 * time.Minute

// Ready waits until a snapshot has been taken and can be used. An error that the
// driver or the controller reports ends the wait with its text, except those that
// pass: see passing. One that is being deleted is an error too. There is no limit but
// ctx; the error then says what was missing.
func (s *Snapshots) Ready(ctx context.Context, snap *snapshotv1.VolumeSnapshot) (*snapshotv1.VolumeSnapshot, error) {
	waitCtx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	w := readiness{giveUp: giveUp, log: s.Log}
	defer w.calm()
	last, err := Follow(waitCtx, s.in(snap.Namespace), snap, w.see)
	switch {
	case err == nil:
		return last, nil
	case ctx.Err() != nil:
		err = fmt.Errorf("%w: %s", ctx.Err(), lacking(last))
	case errors.Is(err, ErrDeleted):
		err = errors.New("somebody has deleted it")
	case waitCtx.Err() != nil:
		err = fmt.Errorf("%w: %s", context.Cause(waitCtx), lacking(last))
	}
	return last, fmt.Errorf("VolumeSnapshot %s/%s: %w", snap.Namespace, snap.Name, err)
}

// readiness looks at the states of one snapshot.
type readiness struct {
	giveUp  context.CancelCauseFunc
	log     *slog.Logger
	trouble string // the passing error that stands now
	timer   *time.Timer
}

func (w *readiness) see(snap *snapshotv1.VolumeSnapshot) (bool, error) {
	text := SnapshotFailure(snap)
	switch {
	case snap.DeletionTimestamp != nil:
		return false, errors.New("somebody is deleting it")
	case isReady(snap):
		return true, nil
	case text == "":
		w.calm()
		return false, nil
	case !passing(text):
		return false, errors.New("it failed: " + text)
	}
	w.worry(text)
	return false, nil
}

// worry notes an error that passes as a rule.
func (w *readiness) worry(text string) {
	if text != w.trouble {
		w.log.Warn("the snapshot met an error that should pass", "error", text)
	}
	w.trouble = text
	if w.timer == nil {
		w.timer = time.AfterFunc(passingLimit, func() {
			w.giveUp(fmt.Errorf("an error that should pass has stood for %s", passingLimit))
		})
	}
}

func (w *readiness) calm() {
	if w.timer != nil {
		w.timer.Stop()
	}
	w.timer, w.trouble = nil, ""
}

func isReady(snap *snapshotv1.VolumeSnapshot) bool {
	st := snap.Status
	return st != nil && st.ReadyToUse != nil && *st.ReadyToUse && st.CreationTime != nil && st.BoundVolumeSnapshotContentName != nil
}

// SnapshotFailure is the text of the error that a snapshot shows, "" if it shows none.
func SnapshotFailure(snap *snapshotv1.VolumeSnapshot) string {
	if isReady(snap) || snap.Status == nil || snap.Status.Error == nil {
		return ""
	}
	if m := snap.Status.Error.Message; m != nil && *m != "" {
		return *m
	}
	return "its status has an error without a text"
}

// passingTexts are errors that come from two writers of one object at the same time,
// or from a controller that has not heard yet of an object that is there.
var passingTexts = []string{
	"the object has been modified",
	"VolumeSnapshotContent is missing",
	"SnapshotFinalizerError",
	"Failed to get snapshot class with error volumesnapshotclass",
}

// passingCodes are those by which a driver says that it is busy, or that it may still
// be at work: the snapshotter asks again, and the snapshot is often there then.
var passingCodes = []string{"Aborted", "Canceled", "DeadlineExceeded", "Unavailable"}

var driverCode = regexp.MustCompile(`rpc error: code = (\w+)`)

// passing tells whether an error is one that the snapshotter gets over by itself.
func passing(text string) bool {
	if code := driverCode.FindStringSubmatch(text); code != nil && slices.Contains(passingCodes, code[1]) {
		return true
	}
	return slices.ContainsFunc(passingTexts, func(t string) bool { return strings.Contains(text, t) })
}

// lacking says how far a snapshot is that is not ready.
func lacking(snap *snapshotv1.VolumeSnapshot) string {
	st := snap.Status
	switch {
	case SnapshotFailure(snap) != "":
		return "its last error was: " + SnapshotFailure(snap)
	case st == nil || st.BoundVolumeSnapshotContentName == nil:
		return "it had no VolumeSnapshotContent yet: look whether the cluster's snapshot-controller runs"
	case st.CreationTime == nil:
		return "the driver had not taken it yet: look at the csi-snapshotter beside the driver"
	}
	return fmt.Sprintf("it was taken at %s, and not ready to use yet", st.CreationTime.UTC().Format(time.RFC3339))
}
