/** Whole configuration files; the generator checks that the server would take them. */
export const EXAMPLES: readonly { readonly title: string; readonly text: string }[] = [
  {
    title: 'two machines that run already',
    text: `
listen: 127.0.0.1:8080
data: /var/lib/berth
declared:
  hosts:
    - name: lab1
      connection: { host: 192.0.2.7, user: ubuntu }
      vcpus: 16
      memory_mib: 65536
      disk_gib: 1000
      gpus:
        - { class: rtx2080, address: '0000:3b:00.0' }
        - { class: rtx2080, address: '0000:af:00.0' }
    - name: lab2
      connection: { host: 192.0.2.8, user: ubuntu }
      vcpus: 8
      memory_mib: 32768
      disk_gib: 500
      gpus:
        - { class: rtx2080 }
projects:
  - { id: ml, name: Machine learning, gpus: 2 }
`,
  },
  {
    title: 'an OpenStack cloud',
    text: `
listen: 0.0.0.0:8443
data: /var/lib/berth
tls:
  key: /etc/berth/tls.key
  cert: /etc/berth/tls.crt
store:
  url: postgresql://berth@db1,db2/berth?sslmode=verify-full
  password_file: /etc/berth/db-password
leases:
  max_duration: 1w
  warnings: [1d, 1h]
clouds:
  - name: mycloud
    network: berth-net
    external_network: public
    image: ubuntu-22.04-cuda
    user: ubuntu
    aliases: { tesla-v100: V100 }
projects:
  - { id: ml, gpus: 8, leases: 20 }
`,
  },
];
