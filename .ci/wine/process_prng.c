/* Old versions of wine lack the library whose one function the standard library takes its random numbers from. */
#include <windows.h>
#include <ntsecapi.h>

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE bytes, SIZE_T len)
{
    return RtlGenRandom(bytes, (ULONG)len);
}
