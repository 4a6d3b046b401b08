"""Windows Server 2012 and later: loopback adapter, weak host model, metric and firewall, in PowerShell."""

from __future__ import annotations

from carom.model import Address, Ports, Protocol

_HEAD = """\
# Carom real server on Windows Server 2012 or later: @NAMED@
#
#   .\\FILE.ps1                       give this host the VIPs, now and after a reboot
#   .\\FILE.ps1 -Undo                 take them away again, and put back what was changed
#   .\\FILE.ps1 -Nic 'Ethernet 2'     where the default route does not tell which NIC faces the director
#
# Windows answers ARP and neighbour solicitations only for addresses of the interface that was asked, so a VIP on a
# loopback adapter is silent. Its strong host model would drop what arrives on the NIC for that adapter: so the NIC may
# receive for others, and the adapter may receive and send by others [1] [2].
#
# Sources:
#   [1] Strong and weak host models: https://learn.microsoft.com/previous-versions/technet-magazine/cc137807(v=msdn.10)
#   [2] Set-NetIPInterface, WeakHostReceive and WeakHostSend:
#       https://learn.microsoft.com/powershell/module/nettcpip/set-netipinterface
#   [3] New-NetIPAddress, SkipAsSource: https://learn.microsoft.com/powershell/module/nettcpip/new-netipaddress
#   [4] New-NetFirewallRule: https://learn.microsoft.com/powershell/module/netsecurity/new-netfirewallrule
#   [5] Installing a root-enumerated device with SetupAPI, as the DevCon sample does:
#       https://learn.microsoft.com/windows-hardware/drivers/install/setupapi
#   [6] Direct server return on Windows Server:
#       https://www.loadbalancer.org/blog/direct-server-return-on-windows-2008-using-loopback-adpter/
#Requires -RunAsAdministrator
param([switch]$Undo, [string]$Nic)
Set-StrictMode -Version 3
$ErrorActionPreference = 'Stop'

$Adapter = 'carom'
$Saved = Join-Path $env:ProgramData 'carom\\real-server.json'
$Vips = @(
@VIPS@
)
$Open = @(
@OPEN@
)
$Families = @($Vips | ForEach-Object { $_.Family } | Sort-Object -Unique)
"""

_BODY = """
# [5] Windows has no command that adds its own loopback adapter ("Microsoft KM-TEST Loopback Adapter", netloop.inf).
$SetupApi = @'
using System;
using System.ComponentModel;
using System.Runtime.InteropServices;
using System.Text;

public static class CaromLoopback {
    [StructLayout(LayoutKind.Sequential)]
    struct Device { public int Size; public Guid Class; public int Instance; public IntPtr Reserved; }

    const int GenerateId = 1, HardwareId = 1, Register = 0x19, Remove = 5, Force = 1;
    static Guid net = new Guid("4d36e972-e325-11ce-bfc1-08002be10318");

    [DllImport("setupapi.dll", SetLastError = true)]
    static extern IntPtr SetupDiCreateDeviceInfoList(ref Guid kind, IntPtr window);
    [DllImport("setupapi.dll", SetLastError = true)]
    static extern bool SetupDiDestroyDeviceInfoList(IntPtr list);
    [DllImport("setupapi.dll", SetLastError = true, CharSet = CharSet.Unicode)]
    static extern bool SetupDiCreateDeviceInfo(IntPtr list, string name, ref Guid kind, string description,
        IntPtr window, int flags, ref Device device);
    [DllImport("setupapi.dll", SetLastError = true, CharSet = CharSet.Unicode)]
    static extern bool SetupDiOpenDeviceInfo(IntPtr list, string id, IntPtr window, int flags, ref Device device);
    [DllImport("setupapi.dll", SetLastError = true, CharSet = CharSet.Unicode)]
    static extern bool SetupDiSetDeviceRegistryProperty(IntPtr list, ref Device device, int property,
        byte[] value, int size);
    [DllImport("setupapi.dll", SetLastError = true)]
    static extern bool SetupDiCallClassInstaller(int function, IntPtr list, ref Device device);
    [DllImport("newdev.dll", SetLastError = true, CharSet = CharSet.Unicode)]
    static extern bool UpdateDriverForPlugAndPlayDevices(IntPtr window, string id, string inf, int flags,
        out bool reboot);

    static void Check(bool done) { if (!done) throw new Win32Exception(Marshal.GetLastWin32Error()); }

    public static void Install(string inf) {
        IntPtr list = SetupDiCreateDeviceInfoList(ref net, IntPtr.Zero);
        try {
            Device device = new Device();
            device.Size = Marshal.SizeOf(device);
            byte[] id = Encoding.Unicode.GetBytes("*MSLOOP\\0\\0");
            bool reboot;
            Check(SetupDiCreateDeviceInfo(list, "NET", ref net, null, IntPtr.Zero, GenerateId, ref device));
            Check(SetupDiSetDeviceRegistryProperty(list, ref device, HardwareId, id, id.Length));
            Check(SetupDiCallClassInstaller(Register, list, ref device));
            Check(UpdateDriverForPlugAndPlayDevices(IntPtr.Zero, "*MSLOOP", inf, Force, out reboot));
        } finally { SetupDiDestroyDeviceInfoList(list); }
    }

    public static void Uninstall(string id) {
        IntPtr list = SetupDiCreateDeviceInfoList(ref net, IntPtr.Zero);
        try {
            Device device = new Device();
            device.Size = Marshal.SizeOf(device);
            Check(SetupDiOpenDeviceInfo(list, id, IntPtr.Zero, 0, ref device));
            Check(SetupDiCallClassInstaller(Remove, list, ref device));
        } finally { SetupDiDestroyDeviceInfoList(list); }
    }
}
'@
Add-Type -TypeDefinition $SetupApi

function Get-Loopback { Get-NetAdapter -Name $Adapter -IncludeHidden -ErrorAction SilentlyContinue }

function Get-Nic {
    if ($Nic) { return (Get-NetAdapter -Name $Nic).Name }
    $route = Get-NetRoute -DestinationPrefix '0.0.0.0/0', '::/0' -ErrorAction SilentlyContinue |
        Sort-Object { $_.RouteMetric + $_.ifMetric } | Select-Object -First 1
    if (-not $route) { throw 'No default route shows which NIC faces the director; name it with -Nic.' }
    $route.InterfaceAlias
}

function Install-Loopback {
    if (Get-Loopback) { return }
    $before = @(Get-NetAdapter | ForEach-Object { $_.InterfaceGuid })
    [CaromLoopback]::Install((Join-Path $env:windir 'inf\\netloop.inf'))
    $new = @()
    $deadline = (Get-Date).AddSeconds(30)
    while (-not $new -and (Get-Date) -lt $deadline) {
        $new = @(Get-NetAdapter | Where-Object { $before -notcontains $_.InterfaceGuid })
    }
    if (-not $new) { throw 'The loopback adapter was installed and does not appear; look in Device Manager.' }
    $new[0] | Rename-NetAdapter -NewName $Adapter
    # File sharing and its client have no business on it, nor has the DNS name of this host.
    Disable-NetAdapterBinding -Name $Adapter -ComponentID ms_msclient, ms_server -ErrorAction SilentlyContinue
    Set-DnsClient -InterfaceAlias $Adapter -RegisterThisConnectionsAddress $false
}

function Save-Before([string]$name) {
    if (Test-Path $Saved) { return }
    $before = @(foreach ($family in $Families) {
        $interface = Get-NetIPInterface -InterfaceAlias $name -AddressFamily $family
        @{ Nic = $name; Family = $family; WeakHostReceive = "$($interface.WeakHostReceive)" }
    })
    New-Item -ItemType Directory -Force -Path (Split-Path $Saved) | Out-Null
    ConvertTo-Json -InputObject $before | Set-Content -Path $Saved
}

function Set-HostModel([string]$name) {
    foreach ($family in $Families) {
        # [1] [2] The adapter is the way to nothing (metric 254), and must not look for other holders of its addresses.
        Set-NetIPInterface -InterfaceAlias $Adapter -AddressFamily $family -WeakHostReceive Enabled `
            -WeakHostSend Enabled -InterfaceMetric 254 -DadTransmits 0 -Dhcp Disabled
        Set-NetIPInterface -InterfaceAlias $name -AddressFamily $family -WeakHostReceive Enabled
    }
}

function Add-Vips {
    foreach ($vip in $Vips) {
        if (Get-NetIPAddress -IPAddress $vip.Address -ErrorAction SilentlyContinue) { continue }
        # [3] Whole, so that no route comes with it; never the source of what this host sends by itself.
        New-NetIPAddress -InterfaceAlias $Adapter -IPAddress $vip.Address -PrefixLength $vip.Prefix `
            -AddressFamily $vip.Family -SkipAsSource $true | Out-Null
    }
}

function Add-FirewallRules {
    # [4] [6] The adapter's network is unidentified, so the public profile applies, which lets nothing in.
    Get-NetFirewallRule -Group Carom -ErrorAction SilentlyContinue | Remove-NetFirewallRule
    foreach ($each in $Open) {
        $rule = @{
            DisplayName = "Carom VIPs $($each.Protocol) $($each.Port)"; Group = 'Carom'; Direction = 'Inbound'
            Action = 'Allow'; Profile = 'Any'; LocalAddress = @($Vips | ForEach-Object { $_.Address })
            Protocol = $each.Protocol
        }
        if ($each.Port -ne 'Any') { $rule.LocalPort = $each.Port }
        New-NetFirewallRule @rule | Out-Null
    }
}

function Undo-All {
    Get-NetFirewallRule -Group Carom -ErrorAction SilentlyContinue | Remove-NetFirewallRule
    $loopback = Get-Loopback
    if ($loopback) {
        foreach ($vip in $Vips) {
            Get-NetIPAddress -InterfaceAlias $Adapter -IPAddress $vip.Address -ErrorAction SilentlyContinue |
                Remove-NetIPAddress -Confirm:$false
        }
        [CaromLoopback]::Uninstall($loopback.PnPDeviceID)
    }
    if (Test-Path $Saved) {
        foreach ($each in @(Get-Content -Raw $Saved | ConvertFrom-Json)) {
            Set-NetIPInterface -InterfaceAlias $each.Nic -AddressFamily $each.Family `
                -WeakHostReceive $each.WeakHostReceive
        }
        Remove-Item $Saved
    }
    Write-Output 'The VIPs are gone, and the NIC is as it was.'
}

if ($Undo) { Undo-All; return }
$name = Get-Nic
Save-Before $name
try {
    Install-Loopback
    Set-HostModel $name
    Add-Vips
    Add-FirewallRules
} catch {
    Undo-All
    throw
}
Get-NetIPAddress -InterfaceAlias $Adapter | Format-Table IPAddress, PrefixLength, AddressState
"""


def script(vips: tuple[Address, ...], ports: tuple[Ports, ...]) -> str:
    """With ports, the firewall opens these; without, everything that is sent to a VIP."""
    addresses = [
        f"    @{{ Address = '{vip}'; Prefix = {vip.max_prefixlen}; Family = 'IPv{vip.version}' }}" for vip in vips
    ]
    opened = [_opened(each) for each in ports] or ["    @{ Protocol = 'Any'; Port = 'Any' }"]
    head = (
        _HEAD.replace("@NAMED@", ", ".join(map(str, vips)))
        .replace("@VIPS@", "\n".join(addresses))
        .replace("@OPEN@", "\n".join(opened))
    )
    return head + _BODY


def _opened(ports: Ports) -> str:
    if ports.protocol is Protocol.SCTP:
        return f"    @{{ Protocol = '{ports.protocol.number}'; Port = 'Any' }}"
    span = "Any" if ports.is_all else str(ports.first)
    if not ports.is_all and ports.last != ports.first:
        span = f"{ports.first}-{ports.last}"
    return f"    @{{ Protocol = '{ports.protocol.value.upper()}'; Port = '{span}' }}"
