# Installs the Debian packages that building, running and testing need, unless
# they are there.  Sourced by try and check; needs root only to install.

build_packages="build-essential autoconf automake pkg-config libetpan-dev
libgnutls28-dev libgpgme-dev libpq-dev libconfig-dev libgmime-3.0-dev
libglib2.0-dev libglib2.0-dev-bin libxml2-dev libexttextcat-dev libseccomp-dev"
run_packages="gnupg gpg-agent libexttextcat-data libsasl2-modules
ca-certificates postgresql postgresql-client"
test_packages="dovecot-imapd dovecot-lmtpd postfix openssl python3 procps mandoc faketime mutt neomutt systemd
valgrind debhelper lintian bash-completion zsh"
fuzz_packages="clang libclang-rt-14-dev"

install_packages() {
	missing=
	for package in "$@"; do
		dpkg-query -W -f='${Status}\n' "$package" 2>/dev/null |
			grep -q 'install ok installed' || missing="$missing $package"
	done
	[ -z "$missing" ] && return 0
	if [ "$(id -u)" != 0 ]; then
		echo "These Debian packages are missing:$missing" >&2
		return 1
	fi
	echo "Installing:$missing"
	# servers that come along must not be started: ours are private ones
	blocker=/usr/sbin/policy-rc.d
	made=
	if [ ! -e $blocker ]; then
		printf '#!/bin/sh\nexit 101\n' >$blocker
		chmod 755 $blocker
		made=yes
	fi
	log=$(mktemp)
	status=0
	{
		apt-get update -q &&
			DEBIAN_FRONTEND=noninteractive apt-get install -q -y \
				--no-install-recommends $missing
	} </dev/null >"$log" 2>&1 || status=$?
	[ -z "$made" ] || rm -f $blocker
	[ $status = 0 ] || tail -20 "$log" >&2
	rm -f "$log"
	return $status
}
