/** The volume kinds that upstream once had built in and that are now in the hands of CSI drivers, by name. */
export const migratedPlugins: ReadonlyMap<string, string> = new Map([
  ["kubernetes.io/aws-ebs", "ebs.csi.aws.com"],
  ["kubernetes.io/azure-disk", "disk.csi.azure.com"],
  ["kubernetes.io/azure-file", "file.csi.azure.com"],
  ["kubernetes.io/cinder", "cinder.csi.openstack.org"],
  ["kubernetes.io/gce-pd", "pd.csi.storage.gke.io"],
  ["kubernetes.io/portworx-volume", "pxd.portworx.com"],
  ["kubernetes.io/vsphere-volume", "csi.vsphere.vmware.com"],
]);

/** Whether the name is one that only the cluster itself could serve, which serves none. */
export const isBuiltIn = (plugin: string): boolean =>
  plugin.startsWith("kubernetes.io/") && !migratedPlugins.has(plugin);
