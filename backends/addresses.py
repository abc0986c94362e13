"""Which addresses the internet at large is served from."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

#: what is not public unicast in IPv4 (IANA's special-purpose registry, and one cloud's host)
CLOSED_4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # shared behind carriers' NAT
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # Azure's host, to whom it lends this address
        "169.254.0.0/16",  # link-local, where most clouds keep a machine's secrets
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
#: all that is public unicast in IPv6; NAT64, fec0::, ::ffff:0:0 and the like lie outside
OPEN_6 = IPv6Network("2000::/3")
CLOSED_6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments: Teredo, ORCHID, benchmarks
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: an IPv4 address inside
        "3fff::/20",  # documentation
    )
)
ISATAP = (0x5EFE, 0x0200_5EFE)  #: bits 64 to 95 of an address that ends in an IPv4 address


def is_public(address: str) -> bool:
    """Whether *address*, written as text, is a public unicast address."""
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, IPv4Address):
        return not any(ip in network for network in CLOSED_4)
    return ip in OPEN_6 and not any(ip in network for network in CLOSED_6) and not _is_isatap(ip)


def _is_isatap(ip: IPv6Address) -> bool:
    return (int(ip) >> 32) & 0xFFFF_FFFF in ISATAP
