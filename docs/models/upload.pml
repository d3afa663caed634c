/*
 * One upload in S3, its writers on several nodes, and the requests that arrive late. See README.md for how to run it
 * and what the bounds are; docs/concurrency.md for the words.
 *
 * A file has LEN units, in parts of PART units. Each unit is 1 or 2: clients may send two different contents. A step of
 * a writer is one request to S3, done at once at some moment between its sending and its answer. A crash is a writer
 * that begins anew, at any moment; a stopped process is one that is not scheduled; a late request is put aside and
 * done at any later moment. All interleavings are tried.
 */
#ifndef PART
#define PART 2
#endif
#ifndef LEN
#define LEN 4
#endif
#ifndef CONTENTS
#define CONTENTS 2
#endif
#ifndef WRITERS
#define WRITERS 2
#endif
#ifndef OPENS
#define OPENS 2
#endif
#ifndef LATES
#define LATES 1
#endif
#ifndef CRASHES
#define CRASHES 1
#endif

#define PARTS (LEN / PART)
#define UPLOADS 4

/* States of a record. */
#define ABSENT 0
#define OPEN 1
#define COMPLETING 2
#define COMPLETE 3
#define FAILED 4

typedef Rec {
  byte ver;      /* the ETag: new at each commit, since each has a nonce */
  byte state;
  byte off;
  byte mpu;      /* the multipart upload that it names */
  byte d1; byte d2; /* the ETags of the committed parts (in the code: a chain of them) */
  byte tslot;    /* the slot with the tail, 1 or 2; 0 for none */
  byte tver;     /* its ETag */
  byte k1; byte k2; /* what each slot held when last known: its ETag, or 0 */
  byte obj       /* the ETag of the object, for an upload that is one PutObject */
};

typedef Mpu { bool alive; byte c1; byte c2; byte e1; byte e2 };

/* The bucket. */
Rec rec;
Mpu mpu[UPLOADS];
byte slotContent[3];
byte slotVer[3];
byte objContent1, objContent2, objVer, objMark;

/* What was committed, for the assertions only: contents of parts, and of the tail. */
byte committed1, committed2, committedTail;
bool terminated;

/* Where nonces come from. */
byte recNonce = 1, slotNonce, partNonce, objNonce;
byte uploads;

byte lates = LATES;
byte crashes = CRASHES;
byte opens[WRITERS];

/* One request that was put aside, per kind. */
bool latePart; byte lpMpu, lpNumber, lpContent, lpEtag;
bool lateSlot; byte lsSlot, lsCond, lsContent, lsVer;
bool lateRec; byte lrCond; Rec lr; byte lrContent; byte lrNumber; byte lrTail;
bool lateObj; byte loContent, loVer;
bool lateDone; byte ldMpu, ld1, ld2;

/* ------------------------------------------------------------------ what must hold, after each change of the bucket */

inline check() {
  /* Acknowledged bytes are there: the tail that the record names is the one that was committed. */
  assert(!(rec.state == OPEN && rec.tslot != 0) ||
    (slotVer[rec.tslot] == rec.tver && slotContent[rec.tslot] == committedTail));
#ifndef DROPS
  /* The parts that it names are not aborted, unless the object was made of them. */
  assert(!((rec.state == OPEN || rec.state == COMPLETING) && rec.mpu != 0) ||
    mpu[rec.mpu].alive || objMark == rec.mpu);
#endif
  /* A finished object is made of what was committed, and of nothing else. */
  assert(rec.state != COMPLETE || (objVer != 0 && objContent1 == committed1 && objContent2 == committed2));
#if CONTENTS == 1 && !defined(OPAQUE)
  /* While all clients send the same bytes, nothing fails. */
  assert(rec.state != FAILED || terminated);
#endif
}

/* ------------------------------------------------------------------------------------------------- requests to S3 */

inline copy(_to, _from) {
  _to.ver = _from.ver; _to.state = _from.state; _to.off = _from.off; _to.mpu = _from.mpu; _to.d1 = _from.d1; _to.d2 = _from.d2;
  _to.tslot = _from.tslot; _to.tver = _from.tver; _to.k1 = _from.k1; _to.k2 = _from.k2; _to.obj = _from.obj
}

/* PutObject of the record with If-Match `cond`. content, number: the part that it adds; tail: what the tail becomes. */
inline putRecord(_cond, _next, _content, _number, _tail) {
  if
#ifdef M_NO_SWAP
  :: rec.state != ABSENT ->
#else
  :: rec.ver == _cond && rec.state != ABSENT ->
#endif
    assert(_next.off >= rec.off);
    copy(rec, _next);
    if
    :: _number == 1 -> committed1 = _content
    :: _number == 2 -> committed2 = _content
    :: else
    fi;
    if
    :: _tail != 255 -> committedTail = _tail
    :: else
    fi
  :: else
  fi
}

/* PutObject of a slot: it must still be what is expected, 0 for nothing. */
inline putSlot(_slot, _cond, _content, _ver) {
  if
#ifdef M_UNCONDITIONAL_SLOT
  :: true ->
#else
  :: slotVer[_slot] == _cond ->
#endif
    slotContent[_slot] = _content; slotVer[_slot] = _ver
  :: else
  fi
}

inline putPart(_id, _number, _content, _etag) {
  if
  :: mpu[_id].alive ->
    if
    :: _number == 1 -> mpu[_id].c1 = _content; mpu[_id].e1 = _etag
    :: else -> mpu[_id].c2 = _content; mpu[_id].e2 = _etag
    fi
  :: else
  fi
}

/* PutObject of the whole, If-None-Match: *. */
inline putWhole(_content, _ver) {
  if
#ifdef M_WHOLE_UNCONDITIONAL
  :: true ->
#else
  :: objVer == 0 ->
#endif
    objContent1 = _content; objContent2 = 0; objVer = _ver; objMark = 0
  :: else
  fi
}

/* CompleteMultipartUpload names the ETags of its parts; S3 refuses if one is not (or no more) what is named. */
inline completeUpload(_id, _one, _two) {
  if
  :: mpu[_id].alive && mpu[_id].e1 == _one && mpu[_id].e2 == _two ->
    objNonce++;
    objContent1 = mpu[_id].c1; objContent2 = mpu[_id].c2; objVer = objNonce; objMark = _id; mpu[_id].alive = false
  :: else
  fi
}

inline deleteSlots() {
  slotVer[1] = 0; slotVer[2] = 0; slotContent[1] = 0; slotContent[2] = 0
}

inline deleteObject() {
  objVer = 0; objContent1 = 0; objContent2 = 0; objMark = 0
}

/* ---------------------------------------------------------------------------------------- what was put aside, lands */

active proctype Late() {
end:
  do
  :: atomic { latePart -> d_step { latePart = false; putPart(lpMpu, lpNumber, lpContent, lpEtag); check() } }
  :: atomic { lateSlot -> d_step { lateSlot = false; putSlot(lsSlot, lsCond, lsContent, lsVer); check() } }
  :: atomic { lateRec -> d_step { lateRec = false; putRecord(lrCond, lr, lrContent, lrNumber, lrTail); check() } }
  :: atomic { lateObj -> d_step { lateObj = false; putWhole(loContent, loVer); check() } }
  :: atomic { lateDone -> d_step { lateDone = false; completeUpload(ldMpu, ld1, ld2); check() } }
  od
}

/* ------------------------------------------------------------------------------------------------------- a writer */

/* Before each request: it may die, and come again remembering nothing. */
inline mayCrash() {
  if
  :: true
  :: crashes > 0 -> crashes--; goto open
  fi
}

/* A request was put aside: the writer sends it again, or gives up. */
inline againOrNot() {
  lates--;
  if
  :: true
  :: goto conflict
  fi
}

/* The commit of `n` on top of `r`; `ok` tells. What nobody heard of is settled by reading the record back. */
inline commit(_added, _part, _rest) {
  mayCrash();
  recNonce++;
  n.ver = recNonce;
  offered = true;
  if
  :: true
  :: lates > 0 && !lateRec ->
    lateRec = true; lrCond = r.ver; copy(lr, n); lrContent = _added; lrNumber = _part; lrTail = _rest;
    againOrNot()
  fi;
  putRecord(r.ver, n, _added, _part, _rest);
  check();
  ok = (rec.ver == n.ver);
  if
  :: ok -> copy(r, n)
  :: else
  fi
}

proctype Writer(byte me) {
  Rec r, n;
  byte k, at, content, slot, known, ver, created, id, number, found;
  bool ok, offered;

open: /* GetObject of the record */
  atomic {
    created = 0; offered = false;
    if
    :: opens[me] == 0 -> goto done
    :: else -> opens[me]--
    fi;
    copy(r, rec)
  };

again: /* GetObject of the tail, if there is one: it is written or sent again with the new bytes */
  atomic {
    k = 0; at = 0; content = 0; slot = 0; known = 0; ver = 0; id = 0; number = 0; found = 0; ok = false;
    if
    :: r.state == COMPLETING -> goto complete
    :: r.state == OPEN
    :: else -> goto done
    fi;
    mayCrash();
    at = r.off % PART;
    if
    :: r.tslot != 0 && slotVer[r.tslot] == r.tver -> content = slotContent[r.tslot]
    :: r.tslot != 0 && slotVer[r.tslot] != r.tver -> goto conflict /* the record went on, and the slot is another's */
    :: else
    fi;
    /* How many units come with this request: some of the part, or all that it lacks. */
    k = 1;
    do
    :: at + k < PART -> k++
    :: break
    od;
    /* Each client sends a content of its own. A content is its units as digits to the base of 3. */
    number = (CONTENTS == 2 -> 1 + me % 2 : 1);
    if
    :: at == 0 && k == 1 -> content = content + number
    :: at == 0 && k == 2 -> content = content + 4 * number
    :: at == 0 && k == 3 -> content = content + 13 * number
    :: at == 1 && k == 1 -> content = content + 3 * number
    :: at == 1 && k == 2 -> content = content + 12 * number
    :: at == 2 && k == 1 -> content = content + 9 * number
    fi;
    number = 0;
    if
    :: at + k == PART && LEN == PART && r.mpu == 0 -> goto whole
    :: at + k == PART && !(LEN == PART && r.mpu == 0) -> goto part
    :: at + k < PART
    fi
  };

  /* ---- a segment: PutObject of the free slot, under the condition that it is what the record knows */
  atomic {
    mayCrash();
    slot = (r.tslot == 1 -> 2 : 1);
#ifdef M_SLOT_NOT_FREE
    slot = (r.tslot == 0 -> 1 : r.tslot);
#endif
    known = (slot == 1 -> r.k1 : r.k2);
#ifdef M_NO_NONCE
    ver = content; /* the ETag is the hash of the client's bytes alone */
#else
    slotNonce++;
    ver = slotNonce;
#endif
    if
    :: true
    :: lates > 0 && !lateSlot ->
      lateSlot = true; lsSlot = slot; lsCond = known; lsContent = content; lsVer = ver;
      againOrNot()
    fi;
    putSlot(slot, known, content, ver);
    check();
    if
    :: slotVer[slot] == ver -> goto commitTail
    :: else
    fi
  };

  /* ---- somebody wrote the slot and did not commit yet: HeadObject, then the fence: his commit fails from now on */
  atomic { found = slotVer[slot] };
#ifndef M_NO_FENCE
  atomic {
    copy(n, r);
    if
    :: slot == 1 -> n.k1 = found
    :: else -> n.k2 = found
    fi;
    commit(0, 0, 255);
    if
    :: !ok -> goto conflict
    :: else
    fi
  };
#endif
  atomic {
    mayCrash();
    if
    :: true
    :: lates > 0 && !lateSlot ->
      lateSlot = true; lsSlot = slot; lsCond = found; lsContent = content; lsVer = ver;
      againOrNot()
    fi;
    putSlot(slot, found, content, ver);
    check();
    if
    :: slotVer[slot] != ver -> goto conflict
    :: else
    fi
  };

commitTail:
  atomic {
    copy(n, r);
    n.off = n.off + k; n.tslot = slot; n.tver = ver;
    if
    :: slot == 1 -> n.k1 = ver
    :: else -> n.k2 = ver
    fi;
    commit(0, 0, content);
    if
    :: ok -> goto again
    :: !ok -> goto conflict
    fi
  };

part: /* CreateMultipartUpload, if there is none */
  atomic {
    number = r.off / PART + 1;
    id = (r.mpu != 0 -> r.mpu : created);
    if
    :: id == 0 && uploads == UPLOADS - 1 -> goto done
    :: id == 0 && uploads < UPLOADS - 1 ->
      mayCrash();
      uploads++; created = uploads; id = created; mpu[id].alive = true
    :: else
    fi
  };
  /* ---- UploadPart, full or last */
  atomic {
    mayCrash();
#ifdef OPAQUE
    partNonce++;
    ver = partNonce;
#else
    ver = content;
#endif
    if
    :: true
    :: lates > 0 && !latePart ->
      latePart = true; lpMpu = id; lpNumber = number; lpContent = content; lpEtag = ver;
#ifdef OPAQUE
      partNonce++;
      ver = partNonce; /* sent again, it is another write, with another ETag */
#endif
      againOrNot()
    fi;
    putPart(id, number, content, ver);
    check();
    if
    :: !mpu[id].alive -> goto conflict
    :: else
    fi
  };
  atomic {
    copy(n, r);
    n.off = number * PART; n.mpu = id; n.tslot = 0; n.tver = 0;
    if
    :: number == 1 -> n.d1 = ver
    :: else -> n.d2 = ver
    fi;
    if
    :: n.off == LEN -> n.state = COMPLETING
    :: else
    fi;
    commit(content, number, 0);
    if
    :: ok -> created = 0; offered = false; goto again
    :: !ok -> goto conflict
    fi
  };

whole: /* PutObject of all of it under the final key */
  atomic {
    mayCrash();
    objNonce++;
    ver = objNonce;
    if
    :: true
    :: lates > 0 && !lateObj ->
      lateObj = true; loContent = content; loVer = ver;
      againOrNot()
    fi;
    putWhole(content, ver);
    check();
    if
    :: objVer != ver -> goto part /* the key is taken */
    :: else
    fi
  };
#ifdef M_SLOTS_BEFORE_COMMIT
  atomic { deleteSlots(); check() };
#endif
  atomic {
    copy(n, r);
    n.off = LEN; n.obj = ver; n.tslot = 0; n.tver = 0;
    n.state = (r.tslot == 0 && r.k1 == 0 && r.k2 == 0 -> COMPLETE : COMPLETING);
    commit(content, 1, 0);
    if
    :: !ok -> goto conflict
    :: ok && r.state == COMPLETING -> goto complete
    :: ok && r.state == COMPLETE
    fi
  };
  atomic { mayCrash(); deleteSlots(); check(); goto done };

complete: /* AbortMultipartUpload of all that the record does not name: no commit can name them any more */
  atomic {
    mayCrash();
    for (number : 1 .. UPLOADS - 1) {
      if
      :: number != r.mpu -> mpu[number].alive = false
      :: else
      fi
    };
    check()
  };
  /* ---- CompleteMultipartUpload; whoever meets the record, as often as it takes */
  atomic {
    mayCrash();
    if
    :: r.mpu == 0 -> goto completed
    :: else
    fi;
    known = r.d1; found = r.d2;
#ifdef M_NO_CHAIN
    /* names whatever parts are there */
    known = mpu[r.mpu].e1; found = mpu[r.mpu].e2;
#endif
    if
    :: true
    :: lates > 0 && !lateDone -> lateDone = true; ldMpu = r.mpu; ld1 = known; ld2 = found; againOrNot()
    fi;
    number = mpu[r.mpu].alive;
    completeUpload(r.mpu, known, found);
    check();
    known = 0; found = 0;
    if
    :: objVer != 0 && objMark == r.mpu -> goto completed
    :: else
    fi;
    if
    :: true /* InvalidPart: what is there is not what was committed */
#ifdef M_MISSING_IS_DONE
    :: number == 0 -> goto completed
#endif
    fi
  };
  atomic { copy(n, r); n.state = FAILED; commit(0, 0, 255); goto done };

completed:
  atomic { mayCrash(); deleteSlots(); check() };
  atomic { copy(n, r); n.state = COMPLETE; commit(0, 0, 255); goto done };

conflict: /* another writer was faster, or an answer never came: nothing is to stay that no record names */
  atomic {
    number = created;
    /* A multipart upload that a commit on its way may name yet is not aborted. */
#ifdef M_ABORT_ALWAYS
    if
    :: rec.mpu == created -> number = 0
    :: else
    fi;
#else
    if
    :: offered && (rec.mpu == created || rec.ver == r.ver) -> number = 0
    :: else
    fi;
#endif
    found = rec.state
  };
  atomic {
    mayCrash();
    if
    :: number != 0 -> mpu[number].alive = false
    :: else
    fi;
    check()
  };
  atomic {
    mayCrash();
    if
    :: found == OPEN
    :: else -> deleteSlots()
    fi;
    if
    :: found == ABSENT || found == FAILED -> deleteObject()
    :: else
    fi;
    check();
    goto open
  };

done:
  skip
}

/* DELETE, on some node. */
#ifdef TERMINATES
proctype Terminator() {
  Rec r, n;
  bool ok;
  d_step { copy(r, rec) };
  if
  :: r.state == ABSENT -> goto done
  :: else
  fi;
  d_step { copy(n, r); n.state = FAILED; recNonce++; n.ver = recNonce };
  atomic {
    if
    :: rec.ver == r.ver -> terminated = true
    :: else
    fi;
    putRecord(r.ver, n, 0, 0, 255); check(); ok = (rec.ver == n.ver)
  };
  if
  :: !ok -> goto done
  :: else
  fi;
  atomic { mpu[1].alive = false; mpu[2].alive = false; mpu[3].alive = false; check() };
  atomic { deleteSlots(); deleteObject(); check() };
  d_step { rec.state = ABSENT; rec.ver = 0 };
done:
  skip
}
#endif

/* The provider drops a multipart upload, as its lifecycle rules say. */
#ifdef DROPS
active proctype Provider() {
end:
  atomic { rec.mpu != 0 && mpu[rec.mpu].alive -> mpu[rec.mpu].alive = false }
}
#endif

init {
  byte w;
  atomic {
    rec.ver = 1; rec.state = OPEN;
    do
    :: w < WRITERS -> opens[w] = OPENS; run Writer(w); w++
    :: else -> break
    od;
#ifdef TERMINATES
    run Terminator()
#endif
  };
#if CRASHES == 0 && LATES == 0 && !defined(DROPS)
  /* When all have ended, nothing is left of what was terminated. */
  (_nr_pr == 2) ->
  assert(!(terminated && rec.state == ABSENT) || (objVer == 0 && slotVer[1] == 0 && slotVer[2] == 0 &&
    !mpu[1].alive && !mpu[2].alive && !mpu[3].alive))
#endif
}
