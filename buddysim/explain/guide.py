"""How to read a page allocation failure report by hand: the text of ``explain --guide``."""

from __future__ import annotations

__all__ = ["GUIDE"]

GUIDE = """\
Reading a page allocation failure by hand

1. The header: WHO asked for HOW MUCH, HOW
   eth0-irq: page allocation failure: order:2, mode:0x40a20(GFP_ATOMIC|__GFP_COMP)
   The task is only who ran at that moment; an interrupt borrows it.
   order 2 is 4 pages (16 KiB) in one piece. order 0 is a single page.
   The number behind mode: means different things to different kernels; names win over numbers
   (buddysim gfp 0x20 lists the readings). Two questions: may it sleep (GFP_KERNEL: yes,
   GFP_ATOMIC: no)?  Which zone may it reach (GFP_DMA, GFP_HIGHUSER)?

2. The stack: WHOSE request
   Skip dump_stack, warn_alloc, __alloc_pages..., the slab functions. The first name after them
   asked. Words behind a question mark are guesses. <IRQ> or softirq below: nobody could wait.

3. Mem-Info: the machine as a whole, in pages
   active_file + inactive_file: what reclaim could give back.
   slab_unreclaimable, anon, unevictable: who holds the rest.
   free_cma: part of free, but not for ordinary kernel requests. Subtract it.

4. The zone lines: HOW FAR from the marks, in KiB
   free against min, for each zone the mask reaches. Low is where kswapd wakes; it does not refuse.
   GFP_ATOMIC may go down to about 38 % of min (older kernels and later ones differ slightly).
   boost is already in min.  Below all marks: a shortage.  Above: go on to 6.

5. lowmem_reserve[]: the fence around the lower zones, in pages
   Take the column of the highest zone the request may use, and add it to min. A full zone DMA is
   of no use to a request that could have had Normal.

6. The block lines: IN WHICH PIECES
   DMA32: 1000*4kB (UM) 12*8kB (U) 0*16kB ...
   Is any block of the order, or larger, left?  None while free is high: fragmented.
   Letters: U unmovable, M movable, E reclaimable; H kept for urgent requests, C only for movable
   pages, I set apart. A block of C or H alone does not count for most.

7. What the report cannot say
   It is printed after the failure: a block that would do may have come back since.
   The rate limit drops reports ("callbacks suppressed"): one line can stand for thousands.
   The task named is seldom the one that used the memory up.

8. Does it matter?
   A network buffer in an interrupt: a packet is lost and sent again. A large kmalloc with a
   fallback: nothing is lost. The OOM killer, storage paths, the same line every second: it does.
"""
