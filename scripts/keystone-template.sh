#!/bin/sh
# A Keystone as it is after its installation: database, keys and the account of its administrator. Each test starts with a copy.
set -eu
keystone=$1
template=$keystone/template
rm -rf "$template"
mkdir -p "$template"
cat > "$template/keystone.conf" <<CONF
[database]
connection = sqlite:///keystone.db
[fernet_tokens]
key_repository = fernet
[fernet_receipts]
key_repository = fernet
[credential]
key_repository = credential
[identity]
# the least that bcrypt takes: these passwords protect nothing
password_hash_rounds = 4
[token]
allow_expired_window = 172800
CONF
cd "$template"
mkdir -m 700 fernet credential
manage() {
    PYTHONWARNINGS=ignore "$keystone/bin/keystone-manage" --config-file keystone.conf --log-file setup.log "$@" 2>> setup.err
}
me="--keystone-user $(id -un) --keystone-group $(id -gn)"
manage db_sync
# shellcheck disable=SC2086
manage fernet_setup $me
# shellcheck disable=SC2086
manage credential_setup $me
manage bootstrap --bootstrap-username admin --bootstrap-password admin --bootstrap-project-name admin --bootstrap-region-id region
