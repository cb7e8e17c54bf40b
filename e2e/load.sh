#!/bin/sh
# Loads images into the cluster that the end-to-end tests use.
#
#   e2e/load.sh [ARCHIVE...]         by default those that `make image e2e-images` writes:
#                                    dist/rescue-tools.tar and dist/e2e-*.tar
#
# RESCUE_E2E_LOAD is the command that loads an image archive; the archive's path is
# added to it. By default containerd on this machine is asked, which needs root:
#
#   RESCUE_E2E_LOAD='kind load image-archive'                     kind
#   RESCUE_E2E_LOAD='minikube image load'                         minikube
#   RESCUE_E2E_LOAD='k3s ctr images import'                       k3s
#   RESCUE_E2E_LOAD='ctr --address SOCKET --namespace k8s.io images import'
#
# A cluster of many nodes takes images from a registry: push the archive there, for
# example with `skopeo copy oci-archive:ARCHIVE docker://REGISTRY/NAME:TAG`.
set -eu

if [ $# = 0 ]; then
	set -- dist/rescue-tools.tar dist/e2e-postgres.tar dist/e2e-redis.tar dist/e2e-etcd.tar dist/e2e-mariadb.tar dist/e2e-kopia.tar
fi
for archive; do
	if [ ! -f "$archive" ]; then
		echo "load.sh: there is no $archive: run make image e2e-images" >&2
		exit 3
	fi
done
for archive; do
	# The command is meant to be split into words.
	# shellcheck disable=SC2086
	${RESCUE_E2E_LOAD:-ctr --namespace k8s.io images import} "$archive"
done
