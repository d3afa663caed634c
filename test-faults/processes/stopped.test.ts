import { suiteOfStopped } from './stopped.js'

suiteOfStopped(false)
